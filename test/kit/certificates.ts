/**
 * Certificates for tests, made by `openssl` when they are needed: an authority, a node's certificate for localhost and 127.0.0.1, one for
 * another host, and one that a stranger's authority signed. Without openssl tests skip with a message; with CI=true they fail.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { TlsOptions } from '../../runtime/index.ts';

export interface Certificates {
  readonly folder: string;
  /** As PEM text. */
  readonly node: TlsOptions;
  /** As paths. */
  readonly nodePaths: TlsOptions;
  /** Signed by the authority, for another host than this one. */
  readonly elsewhere: TlsOptions;
  /** Trusts the authority, and shows a certificate that another one signed. */
  readonly stranger: TlsOptions;
}

/** For the `skip` option of a test. */
export function skipWithoutOpenssl(): string | false {
  if (spawnSync('openssl', ['version']).error === undefined || process.env['CI'] === 'true') return false;
  return 'there is no `openssl` on the path (with CI=true this is a failure)';
}

export function makeCertificates(t: TestContext): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  t.after(() => rmSync(folder, { recursive: true }));
  makeAuthority(folder, 'authority');
  makeAuthority(folder, 'stranger-authority');
  makeCertificate(folder, 'node', 'authority', 'DNS:localhost,IP:127.0.0.1');
  makeCertificate(folder, 'elsewhere', 'authority', 'DNS:elsewhere.example');
  makeCertificate(folder, 'stranger', 'stranger-authority', 'DNS:localhost,IP:127.0.0.1');
  const pathsOf = (name: string): TlsOptions => ({
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
    ca: join(folder, 'authority.pem'),
  });
  const textOf = (name: string): TlsOptions => {
    const { cert, key, ca } = pathsOf(name);
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), ca: readFileSync(ca, 'utf8') };
  };
  return {
    folder,
    node: textOf('node'),
    nodePaths: pathsOf('node'),
    elsewhere: textOf('elsewhere'),
    stranger: textOf('stranger'),
  };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function makeAuthority(folder: string, name: string): void {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
  openssl(folder, ['req', '-x509', ...NEW_KEY, ...files, '-days', '3650', '-subj', `/CN=${name}`]);
}

function makeCertificate(folder: string, name: string, authority: string, hosts: string): void {
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${hosts}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  openssl(folder, ['req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`]);
  const signer = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`];
  openssl(folder, ['x509', '-req', ...files, ...signer, '-days', '3650']);
}

function openssl(cwd: string, args: readonly string[]): void {
  execFileSync('openssl', args, { cwd, stdio: 'pipe' });
}
