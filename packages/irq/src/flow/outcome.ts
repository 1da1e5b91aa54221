// irqreturn_t: what the actions of one event returned, OR-ed.

export const NONE = 0;
export const HANDLED = 1;
export const WAKE_THREAD = 2;
/** Something else than an IrqReturn, which only code without types can return. */
export const BOGUS = 4;
