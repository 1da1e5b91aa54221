// Turning a client away: its first message is answered with EBUSY, so that it can say why instead of 'connection reset'.
import { Framer } from './framing.ts';
import { DEFAULT_LIMITS, maxMessageSize } from './limits.ts';
import { MessageSocket } from './sys-message.ts';
import { FdWatch } from './sys-poll.ts';
import { closeFd } from './sys.ts';
import { encodeError } from './wire.ts';

/** Bytes read of a client that is turned away: VERSION fits. */
const READ_SIZE = 8192;
/** Milliseconds it has to say VERSION. */
const PATIENCE = 1000;

/** Answers the first message of the client on `fd` with EBUSY and closes it; silently after a second. Takes `fd` over. */
export function refuse(fd: number, onDone: () => void): void {
  const socket = new MessageSocket(fd, READ_SIZE);
  const framer = new Framer({ maxMessage: maxMessageSize(DEFAULT_LIMITS), maxFds: 0 }, closeFd);
  const end = () => {
    clearTimeout(timer);
    watch.close();
    framer.drop();
    closeFd(fd);
    onDone();
  };
  const answer = () => {
    const received = socket.receive();
    if (received === undefined) return;
    framer.push(received.bytes, received.fds);
    const message = framer.next();
    if (message === undefined && received.bytes.length > 0) return;
    if (message !== undefined && message !== 'broken') socket.send(encodeError(message.header, 'EBUSY'));
    end();
  };
  const timer = setTimeout(end, PATIENCE).unref();
  const watch = new FdWatch(fd, answer, end);
  watch.want({ readable: true, writable: false });
}
