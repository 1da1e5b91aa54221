// Attaches, shares memory, arms two interrupts, says so and waits to be killed.
import { must } from '@siov/base';
import { clientEventFd, connectVfioUser, sharedMemory } from '../src/index.ts';

const client = must(await connectVfioUser({ socketPath: process.argv[2] ?? '' }), 'connecting');
const memory = sharedMemory(0x10000);
must(await client.dmaMap({ iova: 0n, size: 0x10000n, fd: memory.fd }), 'mapping');
const eventfds = [clientEventFd().fd, clientEventFd().fd];
must(await client.setIrqs({ index: 2, start: 0, count: 2, action: 'trigger', eventfds }), 'arming');
process.stdout.write('ready\n');
