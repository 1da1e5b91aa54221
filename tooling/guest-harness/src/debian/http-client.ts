// HTTP GET as an archive needs it: through a proxy if there is one, redirects followed, stalls noticed, a few retries.
// Node's fetch cannot be given a proxy per call without another dependency.
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { GuestError, causeOf } from '../errors.ts';

/** Chooses the proxy of a URL; undefined is a direct connection. */
export type ChooseProxy = (target: URL) => URL | undefined;

const STALL_MS = 30_000;
const TRIES = 3;
const REDIRECTS = 5;

/**
 * Gets `url` and hands the body stream to `consume`, again from the start after a network failure. Resolves to
 * undefined on 404, which for an archive is an answer. Throws ARCHIVE.
 */
export async function httpGet<T>(url: string, choose: ChooseProxy, consume: (body: Readable) => Promise<T>): Promise<T | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await follow(new URL(url), choose);
      if (response.statusCode === 404 || response.statusCode === 410) {
        response.resume();
        return undefined;
      }
      if (response.statusCode !== 200) {
        response.resume();
        throw new Error(`HTTP status ${response.statusCode}`);
      }
      return await consume(response);
    } catch (error) {
      if (error instanceof GuestError) throw error;
      if (attempt >= TRIES) throw new GuestError('ARCHIVE', `cannot fetch ${url}: ${causeOf(error)}`, { cause: error });
      await sleep(attempt * 500);
    }
  }
}

async function follow(target: URL, choose: ChooseProxy): Promise<http.IncomingMessage> {
  for (let hops = 0; hops <= REDIRECTS; hops++) {
    const response = await request(target, choose(target));
    const location = response.headers.location;
    if (!location || (response.statusCode ?? 0) < 300 || (response.statusCode ?? 0) >= 400) return response;
    response.resume();
    target = new URL(location, target);
  }
  throw new Error('too many redirects');
}

async function request(target: URL, proxy: URL | undefined): Promise<http.IncomingMessage> {
  if (!proxy) return send(target.protocol === 'https:' ? https.request(target) : http.request(target));
  const auth = proxyAuthorization(proxy);
  const via = { host: proxy.hostname, port: proxy.port || 80 };
  if (target.protocol === 'http:') {
    return send(http.request({ ...via, path: target.href, headers: { ...auth, Host: target.host } }));
  }
  const authority = `${target.hostname}:${target.port || 443}`;
  const socket = await tunnel(http.request({ ...via, method: 'CONNECT', path: authority, headers: { ...auth, Host: authority } }));
  const secure = tls.connect({ socket, servername: target.hostname });
  return send(https.request(target, { createConnection: () => secure }));
}

function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (!username) return {};
  const credentials = Buffer.from(decodeURIComponent(`${username}:${password}`)).toString('base64');
  return { 'Proxy-Authorization': `Basic ${credentials}` };
}

function send(outgoing: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.setTimeout(STALL_MS, () => outgoing.destroy(new Error(`no data for ${STALL_MS / 1000} s`)));
    outgoing.on('error', reject);
    outgoing.on('response', resolve);
    outgoing.end();
  });
}

function tunnel(outgoing: http.ClientRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    outgoing.setTimeout(STALL_MS, () => outgoing.destroy(new Error('the proxy does not answer')));
    outgoing.on('error', reject);
    outgoing.on('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else reject(new Error(`the proxy refused the tunnel with status ${response.statusCode}`));
    });
    outgoing.end();
  });
}
