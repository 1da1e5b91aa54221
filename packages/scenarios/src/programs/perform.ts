// One operation, on a machine as it is.
import { doDevice } from './do-devices.ts';
import { doInterrupt } from './do-interrupts.ts';
import { doPasid } from './do-pasids.ts';
import { doVector } from './do-vectors.ts';
import { doWork } from './do-work.ts';
import type { ProgramMachine } from './machine.ts';
import type { Operation } from './operation.ts';
import type { Outcome } from './outcome.ts';

export function perform(machine: ProgramMachine, operation: Operation): Outcome {
  switch (operation.op) {
    case 'create':
    case 'remove':
    case 'attach':
    case 'detach':
    case 'release':
    case 'rebind':
      return doDevice(machine, operation);
    case 'allocPasid':
    case 'freePasid':
    case 'setGuestId':
    case 'attachGuest':
    case 'detachGuest':
    case 'bind':
    case 'unbind':
      return doPasid(machine, operation);
    case 'arm':
    case 'disarm':
    case 'loopback':
    case 'armBlock':
    case 'disarmAll':
    case 'requestHandle':
    case 'releaseHandle':
      return doVector(machine, operation);
    case 'allocate':
    case 'free':
    case 'request':
    case 'freeIrq':
    case 'disable':
    case 'enable':
    case 'move':
    case 'storm':
      return doInterrupt(machine, operation);
    default:
      return doWork(machine, operation);
  }
}
