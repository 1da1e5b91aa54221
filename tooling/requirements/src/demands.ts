// The review's demands, in our words, and which of them the packages must show by now.

export interface Demand {
  readonly number: number;
  readonly text: string;
  /** Why nothing has to show it yet, or what shows it that is no test. */
  readonly note?: string;
}

export const DEMANDS: readonly Demand[] = [
  { number: 1, text: 'whether an IMS interrupt needs a PASID is a property of its domain, not a rule' },
  { number: 2, text: 'an entry can be told not to check the PASID' },
  { number: 3, text: 'without the check, only the host kernel may submit' },
  { number: 4, text: 'no PASIDs without scalable mode: a validating domain then gives no interrupt' },
  { number: 5, text: 'a device without PASID is refused with `-EINVAL` when it allocates, by the IMS domain' },
  { number: 6, text: 'a failure leaves nothing behind, at any layer' },
  { number: 7, text: 'IOMMU management stores the PASID on the struct device; drivers only read it' },
  { number: 8, text: "the guest's `request_irq()` reaches VFIO by the real chain" },
  { number: 9, text: 'VFIO programs nothing into the IMS entry' },
  { number: 10, text: 'the IMS irq chip reads the PASID from the struct device' },
  { number: 11, text: 'it may do so at allocation or later, as long as it is before the unmask' },
  { number: 12, text: 'each interrupt-backed vector has one action of the host; emulated vectors have none' },
  { number: 13, text: 'no programming outside the irq chip at all' },
  { number: 14, text: 'the rejected flow, as a model that can be refuted' },
  { number: 15, text: 'what correctness depends on is enforced by construction' },
  { number: 16, text: "the guest knows its PASID before its interrupts are requested" },
  { number: 17, text: 'and can store it before that makes the host set them up' },
  { number: 18, text: '`irq_set_auxdata()` is not needed' },
  { number: 19, text: 'guest-side handling equals host-side handling', note: 'the layer rule: `guest` imports no host package' },
  { number: 20, text: 'a permission entry written after `request_irq()` is too late' },
  { number: 21, text: "an interrupt raised before the permission entry is set fires with the host's PASID" },
  { number: 22, text: 'layering: the core knows no PASID, VFIO no slots, the chip no VFIO; the IOMMU owns PASIDs' },
  { number: 23, text: 'tear-down is the chip\'s: after `free_irq()` the entry is masked and holds no PASID' },
  { number: 24, text: 'what cannot work is refused at allocation, before an eventfd is consumed' },
  { number: 25, text: 'the MSI domain is found from the struct device' },
  { number: 26, text: 'one IMS domain for a physical function, shared by its virtual devices' },
];
