// The protocol of the yardstick in Promela: the same agents, guards and steps as protocol.ts. One d_step here is what runs
// there between two points. -DG: guests, -DN: interrupts of each, -DM: hardware queues, -DV6, -DLOST or -DLEAK: a broken variant.

#define V (G * N)

mtype = { none, bind, permission, enable, disable, unbind };

typedef Interrupt {
  // The device's entry, and the cause the device has told of and nobody has acknowledged.
  bit allocated; bit masked; bit pending; byte id; bit cause;
  // What the VMM keeps, and the CPU: one more than the id of a message that waits (0: none), running since it was accepted.
  byte permitted; bit handler; byte message; bit running;
  // The completion record, and whether the guest was told.
  bit written; bit seen
}

typedef Guest { byte pasid; mtype call = none; byte interrupt }

Interrupt interrupt[V];
Guest guest[G];
byte queue[M];  // 0: free; else one more than the interrupt its descriptor names

// An accepted interrupt carries the id its guest has bound.
inline send(v) {
  assert(interrupt[v].id != 0 && interrupt[v].id == guest[(v) / N].pasid);
  interrupt[v].message = interrupt[v].id + 1
}

inline raise(v) {
  if
  :: !interrupt[v].allocated || interrupt[v].cause
  :: else ->
     interrupt[v].cause = 1;
     if
     :: interrupt[v].masked -> interrupt[v].pending = 1
     :: else -> send(v)
     fi
  fi
}

// Every process has a fixed number, and none ends: there is nothing else in a state than what protocol.ts has.
#define GUEST (_pid)
#define VMM (_pid - G)
#define IRQ (_pid - 2 * G)
#define DEVICE (_pid - 2 * G - V)
#define SPURIOUS (_pid - 2 * G - V - M)

#define own guest[GUEST]
#define slot queue[GUEST % M]
#define number(n) (GUEST * N + (n))
// A guest runs while its VMM has nothing to do for it.
#define runs (own.call == none)

inline trap(what, n) { own.call = what; own.interrupt = n }

#ifdef V6
#define FIRST enable
#define SECOND permission
#else
#define FIRST permission
#define SECOND enable
#endif

active [G] proctype program() {
  byte n;
  d_step { runs -> trap(bind, 0) };
  do
  :: d_step { runs && n < N -> trap(FIRST, n) };
     d_step { runs -> trap(SECOND, n); n++ }
  :: d_step { runs && n == N && slot == 0 -> slot = number(0) + 1; n = 1 }; break
  od;
  do
  :: d_step { runs && n < N && slot == 0 -> slot = number(n) + 1; n++ }
  :: d_step { runs && n == N && interrupt[number(0)].seen -> trap(disable, 0); n = 1 }; break
  od;
  do
  :: d_step { runs && n < N && interrupt[number(n)].seen -> trap(disable, n); n++ }
  :: d_step { runs && n == N -> trap(unbind, 0); n = 0 }; break
  od;
end:
  false
}

#define caller guest[VMM]
#define chosen interrupt[VMM * N + caller.interrupt]
#define called(what) caller.call == what

active [G] proctype vmm() {
  byte n;
end:
  do
  :: if
     :: d_step { called(bind) -> caller.pasid = VMM + 1 }
     :: d_step { called(permission) -> chosen.permitted = caller.pasid };
#ifdef V6
        d_step { chosen.id = chosen.permitted }
#endif
     :: d_step { called(enable) -> chosen.allocated = 1; chosen.masked = 1 };
        d_step { chosen.id = chosen.permitted };
        d_step { chosen.handler = 1 };
        d_step {
          chosen.masked = 0;
          if
          :: chosen.pending -> chosen.pending = 0; send(VMM * N + caller.interrupt)
          :: else
          fi
        }
     :: d_step { called(disable) -> chosen.masked = 1 };
        d_step { chosen.message == 0 && !chosen.running -> chosen.handler = 0 };
        d_step {
          if
#ifdef LEAK
          :: chosen.pending
#endif
          :: else ->
             chosen.allocated = 0; chosen.masked = 0; chosen.pending = 0; chosen.id = 0; chosen.cause = 0
          fi
        }
     :: d_step {
          called(unbind) ->
          // Nothing is allocated after unbind.
          n = 0;
          do
          :: n < N -> assert(!interrupt[VMM * N + n].allocated); n++
          :: else -> break
          od;
          n = 0;
          caller.pasid = 0
        }
     fi;
     d_step { caller.call = none; caller.interrupt = 0 }
  od
}

#define served interrupt[IRQ]

active [V] proctype irq() {
end:
  do
  :: d_step { served.message != 0 -> served.message = 0; served.running = 1 };
     // A handler is there when it fires.
     d_step { assert(served.handler) };
#ifndef LOST
     d_step { served.cause = 0 };
#endif
     if
     :: d_step { served.written -> skip };
#ifdef LOST
        d_step { served.cause = 0 };
#endif
        d_step { served.seen = 1 }
     :: d_step { !served.written -> skip };
#ifdef LOST
        d_step { served.cause = 0 }
#endif
     fi;
     d_step { served.running = 0 }
  od
}

active [M] proctype device() {
  byte v;
end:
  do
  :: d_step { queue[DEVICE] != 0 -> v = queue[DEVICE] - 1; queue[DEVICE] = 0 };
     d_step { interrupt[v].written = 1 };
     d_step { raise(v); v = 0 }
  od
}

active [V] proctype spurious() {
end:
  d_step { interrupt[SPURIOUS].allocated -> raise(SPURIOUS) };
end_told:
  false
}
