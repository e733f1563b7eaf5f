// SPDX-License-Identifier: BSD-3-Clause
// DPDK's headers for drivers.
#pragma once

#include <rte_version.h>

#include <bus_driver.h>
#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_flow_driver.h>
