// What IOMMU management holds, as plain data and as text: devices, PASIDs, sets, and which domain each reaches.
import type { Attachment } from './attachments.ts';
import type { IommuFeature } from './features.ts';
import type { IommuParts } from './parts.ts';

export interface DeviceDump {
  readonly device: string;
  readonly requesterId: number;
  readonly mediated: boolean;
  /** Domain of its requests without PASID. */
  readonly domain: string | null;
  readonly features: readonly IommuFeature[];
  readonly attachments: readonly AttachmentDump[];
}

export interface AttachmentDump {
  readonly pasid: number;
  readonly kind: Attachment['kind'];
  readonly domain: string;
  readonly domainId: number;
  /** Entries of hardware that hold the PASID. */
  readonly holds: number;
}

export interface IommuDump {
  readonly scalable: boolean;
  readonly devices: readonly DeviceDump[];
  /** `users`: devices attached with it. */
  readonly pasids: readonly { readonly pasid: number; readonly owner: string; readonly users: number }[];
  readonly sets: readonly { readonly id: number; readonly quota: number; readonly members: readonly { pasid: number; spid: number | null; references: number }[] }[];
}

export function dumpOf({ devices, pasids, sets, domains, attachments, features, scalable }: IommuParts): IommuDump {
  return {
    scalable,
    devices: devices.all().map(({ device, attachments: own }) => ({
      device: device.name,
      requesterId: device.requesterId,
      mediated: device.isMediated,
      domain: device.isMediated ? null : (attachments.whole(device.requesterId)?.name ?? null),
      features: features.enabled(device.requesterId),
      attachments: [...own.values()].map(({ pasid, kind, state }) => ({
        pasid,
        kind,
        domain: state.domain.name,
        domainId: domains.domainId(state.domain),
        holds: state.holds,
      })),
    })),
    pasids: pasids.list(),
    sets: sets.all().map((set) => ({ id: set.id, quota: set.quota, members: set.list() })),
  };
}

/** One line for each device, attachment, PASID and set. */
export function iommuDumpText(dump: IommuDump): string {
  const lines = [dump.scalable ? 'scalable mode' : 'legacy mode'];
  for (const each of dump.devices) {
    const features = each.features.length > 0 ? ` [${each.features.join(' ')}]` : '';
    const whole = each.mediated ? 'mediated' : `without PASID: ${each.domain ?? 'nothing'}`;
    lines.push(`${each.device} (requester 0x${each.requesterId.toString(16).padStart(4, '0')})${features}, ${whole}`);
    for (const { pasid, kind, domain, domainId, holds } of each.attachments) {
      lines.push(`  PASID ${pasid} (${kind}): ${domain}, domain id ${domainId}${holds > 0 ? `, held by ${holds}` : ''}`);
    }
  }
  for (const { pasid, owner, users } of dump.pasids) lines.push(`PASID ${pasid}: ${owner}, ${users} ${users === 1 ? 'device' : 'devices'}`);
  for (const { id, quota, members } of dump.sets) {
    lines.push(`set ${id}: ${members.length} of ${quota}`);
    for (const { pasid, spid, references } of members) lines.push(`  PASID ${pasid}${spid === null ? '' : ` is the guest's ${spid}`}, ${references} references`);
  }
  return `${lines.join('\n')}\n`;
}
