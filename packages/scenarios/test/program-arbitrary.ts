// Random programs: any operation of any kind, on few devices, so that they meet.
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { CPUS, FUNCTION, INDICES, MMS, OPERATION_KINDS, SEATS, TABLES } from '../src/index.ts';
import type { Operation, OperationKind, Program, Tables } from '../src/index.ts';

/** Some more often than others: what is done to one device by turns is what finds things. */
const few = (max: number) => fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 1 }) }, { weight: 2, arbitrary: fc.nat({ max }) });
const seat = few(SEATS - 1);
/** The function is a device too, where the host's own interrupts are concerned. */
const device = fc.oneof({ weight: 5, arbitrary: seat }, { weight: 1, arbitrary: fc.constant(FUNCTION) });
const index = few(INDICES - 1);
const names = fc.record({ device, index });
const cpu = fc.nat({ max: CPUS - 1 });
const member = fc.nat({ max: 1 });
const turns = fc.nat({ max: 2 });
const vector = fc.constantFrom(1, 1, 0);
const of = <K extends OperationKind>(op: K) => fc.constant(op);

/** Of each kind of operation, what it needs. */
const BY_KIND: { readonly [K in OperationKind]: Arbitrary<Operation> } = {
  create: fc.record({ op: of('create'), device: seat }),
  remove: fc.record({ op: of('remove'), device: seat }),
  attach: fc.record({ op: of('attach'), device }),
  detach: fc.record({ op: of('detach'), device }),
  release: fc.record({ op: of('release'), device: seat }),
  rebind: fc.record({ op: of('rebind') }),
  allocPasid: fc.record({ op: of('allocPasid') }),
  freePasid: fc.record({ op: of('freePasid'), member }),
  setGuestId: fc.record({ op: of('setGuestId'), member, id: fc.nat({ max: 2 }) }),
  attachGuest: fc.record({ op: of('attachGuest'), device, member }),
  detachGuest: fc.record({ op: of('detachGuest'), device, member }),
  bind: fc.record({ op: of('bind'), device, mm: fc.nat({ max: MMS - 1 }) }),
  unbind: fc.record({ op: of('unbind'), device, mm: fc.nat({ max: MMS - 1 }) }),
  arm: fc.record({ op: of('arm'), device: seat, vector }),
  disarm: fc.record({ op: of('disarm'), device: seat, vector }),
  loopback: fc.record({ op: of('loopback'), device: seat, vector }),
  armBlock: fc.record({ op: of('armBlock'), device: seat }),
  disarmAll: fc.record({ op: of('disarmAll'), device: seat }),
  requestHandle: fc.record({ op: of('requestHandle'), device: seat }),
  releaseHandle: fc.record({ op: of('releaseHandle'), device: seat }),
  allocate: fc.record({ op: of('allocate'), device, index, id: fc.constantFrom('default', 'default', 'sva', 'guest', 'foreign') }),
  free: fc.record({ op: of('free'), device, index }),
  request: fc.record({ op: of('request'), device, index }),
  freeIrq: fc.record({ op: of('freeIrq'), device, index }),
  disable: fc.record({ op: of('disable'), device, index }),
  enable: fc.record({ op: of('enable'), device, index }),
  move: fc.record({ op: of('move'), device, index, cpu }),
  storm: fc.record({ op: of('storm'), device, request: fc.boolean() }),
  cpuDown: fc.record({ op: of('cpuDown'), cpu }),
  cpuUp: fc.record({ op: of('cpuUp'), cpu }),
  reset: fc.record({ op: of('reset'), device: seat }),
  resetDevice: fc.record({ op: of('resetDevice'), device: seat }),
  enableQueue: fc.record({ op: of('enableQueue'), device: seat }),
  disableQueue: fc.record({ op: of('disableQueue'), device: seat }),
  submit: fc.record({ op: of('submit'), device: seat, names, turns }, { requiredKeys: ['op', 'device', 'names'] }),
  submitShared: fc.record({ op: of('submitShared'), pasid: fc.integer({ min: 1, max: 7 }), names, turns }, { requiredKeys: ['op', 'pasid', 'names'] }),
  batch: fc.record({ op: of('batch'), device: seat, names: fc.array(names, { minLength: 2, maxLength: 3 }), turns }, { requiredKeys: ['op', 'device', 'names'] }),
  spurious: fc.record({ op: of('spurious'), cpu }),
  forge: fc.record({ op: of('forge'), device, index }),
};

const operation = fc.oneof(...OPERATION_KINDS.map((kind) => ({ weight: kind === 'rebind' ? 5 : 10, arbitrary: BY_KIND[kind].map((each): Program => [each]) })));

/** What belongs together, and would seldom come together by itself. */
const host = fc.record({ device, index: fc.integer({ min: 1, max: INDICES - 1 }) });
const guest = fc.record({ device: seat, index: fc.constant(0) });
const idioms: readonly Arbitrary<Program>[] = [
  host.map((each) => [{ op: 'allocate', ...each, id: 'default' }, { op: 'request', ...each }]),
  fc.tuple(host, fc.nat({ max: MMS - 1 })).map(([each, mm]) => [{ op: 'bind', device: each.device, mm }, { op: 'allocate', ...each, id: 'sva' }, { op: 'request', ...each }]),
  fc.tuple(host, member, fc.nat({ max: 2 })).map(([each, which, id]) => [
    { op: 'allocPasid' }, { op: 'setGuestId', member: which, id }, { op: 'attachGuest', device: each.device, member: which }, { op: 'allocate', ...each, id: 'guest' }, { op: 'request', ...each },
  ]),
  guest.map((each) => [{ op: 'enableQueue', device: each.device }, { op: 'arm', device: each.device, vector: 1 }, { op: 'submit', device: each.device, names: each }]),
  fc.tuple(guest, fc.integer({ min: 1, max: 3 })).map(([each, edges]) => [
    { op: 'enableQueue', device: each.device }, { op: 'arm', device: each.device, vector: 1 }, { op: 'disable', ...each },
    ...Array.from({ length: edges }, (): Operation => ({ op: 'submit', device: each.device, names: each })), { op: 'enable', ...each },
  ]),
  fc.tuple(guest, cpu, turns).map(([each, down, count]) => [
    { op: 'enableQueue', device: each.device }, { op: 'arm', device: each.device, vector: 1 }, { op: 'move', ...each, cpu: down },
    { op: 'submit', device: each.device, names: each, turns: count }, { op: 'cpuDown', cpu: down },
  ]),
  // Something happens while an interrupt is on its way.
  fc.tuple(guest, cpu, operation, turns).map(([each, to, [next], count]) => [
    { op: 'enableQueue', device: each.device }, { op: 'arm', device: each.device, vector: 1 }, { op: 'move', ...each, cpu: to },
    { op: 'submit', device: each.device, names: each, turns: count }, next ?? { op: 'rebind' },
  ]),
  // An edge stays pending in the entry, which goes to another.
  fc.tuple(guest, seat).map(([each, next]) => [
    { op: 'enableQueue', device: each.device }, { op: 'arm', device: each.device, vector: 1 }, { op: 'disable', ...each },
    { op: 'batch', device: each.device, names: [each, each, each] }, { op: 'disarm', device: each.device, vector: 1 }, { op: 'arm', device: next, vector: 1 },
  ]),
  host.map((each) => [{ op: 'freeIrq', ...each }, { op: 'free', ...each }]),
  guest.map((each) => [{ op: 'arm', device: each.device, vector: 1 }, { op: 'releaseHandle', device: each.device }, { op: 'requestHandle', device: each.device }]),
  fc.tuple(cpu, cpu, device).map(([one, other, each]) => [{ op: 'cpuDown', cpu: one }, { op: 'cpuDown', cpu: other }, { op: 'storm', device: each, request: true }]),
  seat.map((each) => [{ op: 'remove', device: each }, { op: 'create', device: each }, { op: 'arm', device: each, vector: 1 }]),
  device.map((each) => [{ op: 'disarmAll', device: each }, { op: 'detach', device: each }, { op: 'attach', device: each }, { op: 'armBlock', device: each }]),
  fc.tuple(device, fc.nat({ max: MMS - 1 })).map(([each, mm]) => [{ op: 'bind', device: each, mm }, { op: 'unbind', device: each, mm }]),
  fc.tuple(guest, cpu).map(([each, to]) => [{ op: 'arm', device: each.device, vector: 1 }, { op: 'move', ...each, cpu: to }, { op: 'submit', device: each.device, names: each }]),
  host.map((each) => [
    { op: 'allocate', ...each, id: 'default' }, { op: 'request', ...each }, { op: 'disable', ...each }, { op: 'enable', ...each }, { op: 'freeIrq', ...each }, { op: 'free', ...each },
  ]),
  seat.map((each) => [{ op: 'enableQueue', device: each }, { op: 'disableQueue', device: each }]),
  fc.tuple(seat, seat).map(([one, other]) => [{ op: 'enableQueue', device: one }, { op: 'arm', device: other, vector: 1 }, { op: 'submit', device: one, names: { device: other, index: 0 } }]),
  fc.constant(Array.from({ length: 3 }, (): Operation => ({ op: 'allocPasid' }))),
  fc.constant(Array.from({ length: SEATS }, (_, each): Operation => ({ op: 'create', device: each }))),
];

const part = fc.oneof({ weight: 2, arbitrary: operation }, { weight: 1, arbitrary: fc.oneof(...idioms) });
export const programs: Arbitrary<Program> = fc.array(part, { minLength: 1, maxLength: 40, size: 'max' }).map((parts) => parts.flat());
export const tables: Arbitrary<Tables> = fc.constantFrom(...TABLES);
