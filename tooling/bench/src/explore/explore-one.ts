// explore-one '{"subject": {"check": "mdev/submit (dynamic)"}, "seconds": 60}': explores one subject, and prints what came of it as JSON.
import { explore } from './explored.ts';
import type { Request } from './fresh.ts';

const { subject, seconds } = JSON.parse(process.argv[2] ?? '') as Request;
process.stdout.write(JSON.stringify(await explore(subject, seconds)));
