// SPDX-License-Identifier: BSD-3-Clause
// librte_net_bond under the names of 22.11 and of 23.11 and later.
#pragma once

#include <rte_eth_bond.h>
#include <rte_version.h>

namespace dpdkbond::bench {

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
inline int bond_add(std::uint16_t bond, std::uint16_t member) {
    return rte_eth_bond_member_add(bond, member);
}
inline int bond_remove(std::uint16_t bond, std::uint16_t member) {
    return rte_eth_bond_member_remove(bond, member);
}
inline int bond_active(std::uint16_t bond, std::uint16_t* members, std::uint16_t n) {
    return rte_eth_bond_active_members_get(bond, members, n);
}
#else
inline int bond_add(std::uint16_t bond, std::uint16_t member) { return rte_eth_bond_slave_add(bond, member); }
inline int bond_remove(std::uint16_t bond, std::uint16_t member) {
    return rte_eth_bond_slave_remove(bond, member);
}
inline int bond_active(std::uint16_t bond, std::uint16_t* members, std::uint16_t n) {
    return rte_eth_bond_active_slaves_get(bond, members, n);
}
#endif

} // namespace dpdkbond::bench
