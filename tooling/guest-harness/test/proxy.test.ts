import { describe, expect, test } from 'vitest';
import { proxyFor } from '../src/debian/proxy.ts';

const target = new URL('http://mirror.example/debian');
const APT = 'APT::Architecture "amd64";\nAcquire::http::Proxy "http://apt.example:3142/";\nAcquire::http::Proxy::direct.example "DIRECT";\n';

describe('proxyFor', () => {
  test('the environment wins over apt', () => {
    expect(proxyFor(target, { http_proxy: 'http://env.example:8080' }, APT)?.host).toBe('env.example:8080');
    expect(proxyFor(target, {}, APT)?.host).toBe('apt.example:3142');
    expect(proxyFor(target, {}, '')).toBeUndefined();
  });

  test('each scheme has its own', () => {
    expect(proxyFor(new URL('https://mirror.example/'), { http_proxy: 'http://a:1' })).toBeUndefined();
    expect(proxyFor(new URL('https://mirror.example/'), { HTTPS_PROXY: 'b.example:2' })?.href).toBe('http://b.example:2/');
  });

  test('no_proxy exempts hosts and their subdomains', () => {
    const env = { http_proxy: 'http://p:1', no_proxy: 'localhost, .example' };
    expect(proxyFor(target, env)).toBeUndefined();
    expect(proxyFor(new URL('http://mirror.other/'), env)?.host).toBe('p:1');
    expect(proxyFor(new URL('http://notexample/'), env)?.host).toBe('p:1');
    expect(proxyFor(target, { ...env, no_proxy: '*' })).toBeUndefined();
  });

  test("apt's exception for a host is honoured", () => {
    expect(proxyFor(new URL('http://direct.example/'), {}, APT)).toBeUndefined();
  });
});
