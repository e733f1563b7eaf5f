// SPDX-License-Identifier: BSD-3-Clause
// Measurements as a table for people or as JSON.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace dpdkbond::bench {

struct Row {
    Cell cell;
    Figures figures;
};

// `hugepages`: where the buffers lie.
std::string table_head(bool hugepages);
std::string table_row(const Row& row);
std::string table_foot(const std::vector<Row>& rows);
std::string json(const std::vector<Row>& rows, unsigned flows, bool hugepages);

} // namespace dpdkbond::bench
