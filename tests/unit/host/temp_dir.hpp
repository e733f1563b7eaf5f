// SPDX-License-Identifier: BSD-3-Clause
// A directory for one test, with help to grow a tree of fake sysfs files in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace dpdkbond::testing {

struct TempDir {
    TempDir() {
        char name[] = "/tmp/dpdk-bond-test-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
        path = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() { std::filesystem::remove_all(path); }

    void file(const std::filesystem::path& where, const std::string& text) const {
        std::filesystem::create_directories((path / where).parent_path());
        std::ofstream(path / where) << text << "\n";
    }
    void link(const std::filesystem::path& where, const std::filesystem::path& target) const {
        std::filesystem::create_directories((path / where).parent_path());
        std::filesystem::create_directories(path / target);
        std::filesystem::remove(path / where);
        std::filesystem::create_directory_symlink(path / target, path / where);
    }

    std::filesystem::path path;
};

} // namespace dpdkbond::testing
