// offload: what a sender left to be done (Offload: a checksum, cutting a large frame) is done where
// the frame leaves for a port that cannot do it, and nowhere else: between guests large frames pass
// whole.
//
//   ingress  what is asked for must fit the frame as its headers say: the kind of segmentation, the
//            place of the checksum; the sender's header sizes are replaced by ours. Else
//            bad_offload: no guest gets an offload request from another that its driver would have
//            to doubt
//   egress   by the driver's Abilities: checksums are completed, large frames cut into frames of
//            their own (packet/segment.h), in order. A frame that is larger than the other side
//            takes and of no kind that can be cut: cannot_segment
//
// It is the last module: segments follow each other by Frame::after.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind offload_module;

}  // namespace bridle::net
