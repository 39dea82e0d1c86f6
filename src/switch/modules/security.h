// security: who may send from which address. vSphere's semantics, all `reject` by default:
//
//   a guest's port sends from the addresses that it lists (Port::macs), and
//     forged_transmits  from any other, too: nobody answers to that address for it
//     mac_changes       from one other at a time, which is its own from then on (it receives for
//     it):
//                       the address that it changed to. Once a second at most
//     Learning::most    from so many others at a time, in the same way (nested guests, containers)
//   else: forged_source, or learning_full when it may use others but has as many as it may.
//   An address that another port of the group has is never learned (address_of_another), and with
//   forged_transmits may be sent from, but not received for.
//   promiscuous is about receiving: see forward.
//
// From a group address or zero nobody sends (bad_source). What uplinks, rings and gateways bring
// from an address of a guest of ours is our own frame that came back, or a lie (reflected).
//
// An address that several guests list (VRRP's virtual router) goes to who sends from it.
//
// Thread class: as module.h.
#pragma once

#include "switch/module.h"

namespace bridle::net {

extern const ModuleKind security_module;

}  // namespace bridle::net
