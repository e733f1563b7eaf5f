// SPDX-License-Identifier: BSD-3-Clause
// The flow of a frame as text. Pure, any thread.
#pragma once

#include <string>

#include "base/bytes.hpp"

namespace dpdkbond {

// "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=5000,dport=53,vlan=10", as parse_flow() takes it; frames that
// are no IP: "smac=…,dmac=…,type=0x0806". Fragments after the first have no ports.
std::string flow_text(Bytes frame);
// "frame=…" of its first kMaxFlowFrame bytes: the flow whatever it is, as parse_flow() takes it. Empty: it is
// shorter than an Ethernet header.
std::string frame_flow_text(Bytes frame);

// "udp", "tcp" … or the number.
std::string protocol_text(std::uint8_t number);

} // namespace dpdkbond
