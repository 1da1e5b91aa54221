// Ends a run with one line a machine can read: "N passed, N failed" (and ", N skipped" where tests were left out).
import type { Reporter, TestModule } from 'vitest/node';

/** Under CI nothing may be left out: what did not run has not passed. */
const mustRunAll = /^(1|true)$/i.test(process.env['CI'] ?? '');

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    let guests = 0;
    for (const module of modules) {
      // A file that does not load has no tests to fail; it counts as one failure itself.
      if (module.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') count.passed += 1;
        else if (state === 'failed') count.failed += 1;
        else if (!mustRunAll) {
          count.skipped += 1;
          if (module.project.name === 'guest') guests += 1;
        } else {
          count.failed += 1;
          process.stdout.write(`skipped, which is a failure here: ${module.relativeModuleId}: ${test.fullName}\n`);
        }
      }
    }
    if (count.failed > 0) process.exitCode = 1;
    if (guests > 0) process.stdout.write(`${guests} tests with a real guest were left out: npx -y pnpm@12.21.0 test:guest fetches QEMU and kernels (280 MB) and runs them\n`);
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
    process.stdout.write(`${count.passed} passed, ${count.failed} failed${skipped}\n`);
  }
}
