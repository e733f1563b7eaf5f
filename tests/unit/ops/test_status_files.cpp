// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <thread>

#include "fake_instance.hpp"
#include "ops/render.hpp"
#include "ops/status_files.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

template <class Condition> bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition())
        if (std::chrono::steady_clock::now() > end)
            return false;
        else
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return true;
}

// Its bonds may change while the writer's thread asks for them.
class ChangingInstance : public FakeInstance {
public:
    std::vector<std::string> bond_names() override {
        const std::lock_guard lock(mutex);
        return FakeInstance::bond_names();
    }
    std::optional<BondView> bond(std::string_view name) override {
        const std::lock_guard lock(mutex);
        return FakeInstance::bond(name);
    }
    std::mutex mutex;
};

} // namespace

TEST_CASE("the status text lies in a file, anew after a change, and is gone at the end", "[field-8]") {
    std::string pattern = (fs::temp_directory_path() / "status-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    const fs::path top = pattern, folder = top / "run" / "dpdk-bond", files = folder / "net" / "bonding";
    fs::create_directories(files);
    std::ofstream(files / "of-one-that-died") << "old";

    ChangingInstance instance;
    instance.bonds = {make_bond(Mode::active_backup), make_bond(Mode::balance_rr)};
    instance.bonds[1].status.name = "bond1";
    const auto text = [&](std::size_t i) {
        const std::lock_guard lock(instance.mutex);
        return render_proc(settled(instance.bonds[i]));
    };
    StatusFiles writer;
    REQUIRE(writer.start(instance, folder.string()).ok());
    CHECK(eventually([&] { return read(files / "bond1") == text(1); }));
    CHECK(read(files / "bond0") == text(0));
    CHECK_FALSE(fs::exists(files / "of-one-that-died"));
    struct stat about {};
    REQUIRE(stat((files / "bond0").c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0444);
    CHECK(std::distance(fs::directory_iterator(files), fs::directory_iterator()) == 2);

    {
        const std::lock_guard lock(instance.mutex);
        set_down(instance.bonds[0].members[0], 1);
        instance.bonds.pop_back();
    }
    writer.poke();
    CHECK(eventually([&] { return read(files / "bond0") == text(0) && !fs::exists(files / "bond1"); }));
    fs::remove(files / "bond0"); // by somebody's hand
    CHECK(eventually([&] { return read(files / "bond0") == text(0); }));
    writer.stop();
    CHECK_FALSE(fs::exists(folder));
    CHECK(StatusFiles().start(instance, "/proc/no-such").error().find("no status files in /proc/no-such") ==
          0);
    fs::remove_all(top);
}

TEST_CASE("files that nobody touches any more are swept away, others stay", "[operator]") {
    char name[] = "/tmp/dpdkbond-sweep-XXXXXX";
    const fs::path root = ::mkdtemp(name);
    for (const char* prefix : {"dead", "live", "other"})
        fs::create_directories(root / prefix / "net/bonding");
    fs::create_directories(root / "stranger");
    std::ofstream(root / "other/keep") << "x";
    for (const char* prefix : {"dead", "live"}) std::ofstream(root / prefix / "net/bonding/bond0") << "text";
    const auto old = fs::file_time_type::clock::now() - std::chrono::seconds(60);
    for (const char* path :
         {"dead/net/bonding/bond0", "dead/net/bonding", "live/net/bonding", "other/net/bonding"})
        fs::last_write_time(root / path, old);
    auto swept = sweep_status_files(root);
    std::ranges::sort(swept);
    CHECK(swept == std::vector<std::string>{"dead", "other"});
    CHECK_FALSE(fs::exists(root / "dead"));
    CHECK(read(root / "live/net/bonding/bond0") == "text");
    CHECK(fs::exists(root / "other/keep"));
    CHECK(fs::exists(root / "stranger"));
    CHECK(sweep_status_files(root).empty());
    fs::remove_all(root);
    CHECK(sweep_status_files(root).empty());
}
