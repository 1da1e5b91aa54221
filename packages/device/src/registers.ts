// readl(), writel(), readq(), writeq() through a register's declaration: the width of the access is the register's.
import { ModelError, point } from '@siov/base';
import type { AccessPort, AccessSize, Image, Register, Steps, Width } from '@siov/base';

/** What an access needs of a declared register: not its fields. */
export type DeclaredRegister<N extends string, W extends Width> = Pick<RegisterBase<N, W>, 'name' | 'offset' | 'width' | 'image'>;
// oxlint-disable-next-line typescript/no-explicit-any -- the fields do not matter here, only name and width
type RegisterBase<N extends string, W extends Width> = Register<N, W, any>;

const access = point('register', 'register access');

/** Reads a register at `base` + its offset, in one access. */
export function* readRegister<N extends string, W extends Width>(
  port: AccessPort,
  declared: DeclaredRegister<N, W>,
  base = 0,
): Steps<Image<N, W>> {
  yield access;
  const offset = base + declared.offset;
  if (declared.width === 64) return declared.image(yield* port.read64(offset));
  return declared.image(yield* port.read(offset, (declared.width / 8) as AccessSize));
}

/** Writes an image of the register at `base` + its offset, in one access. */
export function* writeRegister<N extends string, W extends Width>(
  port: AccessPort,
  declared: DeclaredRegister<N, W>,
  image: Image<N, W>,
  base = 0,
): Steps<void> {
  yield access;
  const offset = base + declared.offset;
  if (typeof image === 'bigint') yield* port.write64(offset, image);
  else if (declared.width === 64) throw new ModelError(`${declared.name} is 64 bits wide and was given a number`);
  else yield* port.write(offset, (declared.width / 8) as AccessSize, image);
}
