// The uAPI as a layer of its own: every call that crosses it is a crossing in the trace, named as in the ioctl.
import type { Trace } from '@siov/base';
import type { VfioDevice } from './device.ts';
import type { GuestPasids } from './guest-pasids.ts';

/** `device` with each call recorded as a crossing into layer `vfio`. */
export function tracedDevice(device: VfioDevice, trace: Trace): VfioDevice {
  return {
    name: device.name,
    info: device.info,
    regionInfo: (index) => device.regionInfo(index),
    irqInfo: (index) => device.irqInfo(index),
    regionRead: (index, offset, into) => trace.cross('vfio', 'read', { region: index, offset, size: into.length }, device.regionRead(index, offset, into)),
    regionWrite: (index, offset, from) => trace.cross('vfio', 'write', { region: index, offset, size: from.length }, device.regionWrite(index, offset, from)),
    // Stores through a mapping cross no layer: that is what it is for.
    ...(device.mmap === undefined ? {} : { mmap: device.mmap.bind(device) }),
    ...(device.pasids === undefined ? {} : { pasids: tracedPasids(device.pasids, trace) }),
    setIrqs: (set) => {
      const values = { index: set.index, start: set.start, count: set.count, action: set.action, data: set.data.kind };
      return trace.cross('vfio', 'SET_IRQS', values, device.setIrqs(set));
    },
    dmaMap: (mapping) => trace.cross('vfio', 'MAP_DMA', { iova: mapping.iova, size: mapping.size }, device.dmaMap(mapping)),
    dmaUnmap: (iova, size) => trace.cross('vfio', 'UNMAP_DMA', { iova, size }, device.dmaUnmap(iova, size)),
    reset: () => trace.cross('vfio', 'RESET', {}, device.reset()),
    release: () => trace.cross('vfio', 'release', {}, device.release()),
  };
}

function tracedPasids(pasids: GuestPasids, trace: Trace): GuestPasids {
  return {
    bind: (gpasid) => trace.cross('vfio', 'BIND_GPASID', { gpasid }, pasids.bind(gpasid)),
    map: (gpasid, mapping) => trace.cross('vfio', 'MAP_GPASID', { gpasid, iova: mapping.iova, size: mapping.size }, pasids.map(gpasid, mapping)),
    unmap: (gpasid, iova, size) => trace.cross('vfio', 'UNMAP_GPASID', { gpasid, iova, size }, pasids.unmap(gpasid, iova, size)),
    unbind: (gpasid) => trace.cross('vfio', 'UNBIND_GPASID', { gpasid }, pasids.unbind(gpasid)),
  };
}
