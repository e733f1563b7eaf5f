// SPDX-License-Identifier: BSD-3-Clause
// The flow of a frame as text. Pure, any thread.
#pragma once

#include <string>

#include "base/bytes.hpp"

namespace dpdkbond {

// "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=5000,dport=53,vlan=10", as parse_flow() takes it; frames that
// are no IP: "smac=…,dmac=…,type=0x0806". Fragments after the first have no ports.
std::string flow_text(Bytes frame);
// The same with smac= and dmac= where they are not there yet: what parse_flow() makes a like frame of.
std::string whole_flow_text(Bytes frame);

// "udp", "tcp" … or the number.
std::string protocol_text(std::uint8_t number);

} // namespace dpdkbond
