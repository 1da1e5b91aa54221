// The agents of a machine under an explorer: what the executor ran in turns until now, the explorer runs in every order.
import type { Agent, Executor, Steps } from '@siov/base';
import type { ModelAgent, World } from '@siov/explore';

/** Hands all agents of the machine over, now and when they come: CPUs, engines, threads. Each may wait for ever. */
export function exploreAgents(executor: Executor, world: World): void {
  executor.handOver((agent, steps, again) => {
    const anew = again === null ? {} : { again: () => agentOf(executor, agent, again()).steps };
    world.spawn({ ...agentOf(executor, agent, steps), ...anew, daemon: true });
  });
}

/** `steps` as an agent that has to come to its end. */
export function agentOf(executor: Executor, agent: Agent, steps: Steps<unknown>): ModelAgent {
  // An agent of its own each time: what the trace and the VMM change of it is as it was at its start.
  return { name: agent.name, steps: under(executor, { ...agent }, steps) };
}

/** Each stretch runs as the agent, whose layer and name the trace and the VMM ask for. */
function* under(executor: Executor, agent: Agent, steps: Steps<unknown>): Steps<void> {
  for (let next = executor.as(agent, () => steps.next()); next.done !== true; next = executor.as(agent, () => steps.next())) yield next.value;
}
