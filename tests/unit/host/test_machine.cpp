// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <sched.h>

#include "host/files.hpp"
#include "host/hugepage_lease.hpp"
#include "host/hugepages.hpp"
#include "host/netdev_state.hpp"
#include "host/numa.hpp"
#include "host/vhost.hpp"
#include "temp_dir.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

void pool(const TempDir& tree, const std::string& size, int free, int reserved) {
    const std::string where = "sys/kernel/mm/hugepages/hugepages-" + size + "/";
    tree.file(where + "free_hugepages", std::to_string(free));
    tree.file(where + "resv_hugepages", std::to_string(reserved));
}

HugepageState hugepages(const TempDir& tree) {
    return HugepageState::read(tree.path / "proc", tree.path / "sys");
}

} // namespace

TEST_CASE("hugepages count only where a hugetlbfs of their size is mounted for writing") {
    const TempDir tree;
    pool(tree, "2048kB", 300, 44);
    pool(tree, "1048576kB", 1, 0);
    tree.file("proc/meminfo", "MemTotal: 1 kB\nHugepagesize:       2048 kB");

    tree.file("proc/self/mounts", "proc /proc proc rw 0 0");
    CHECK(hugepages(tree).pages_2m.free == 256);
    CHECK(hugepages(tree).usable_mb() == 0);

    tree.file("proc/self/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0");
    CHECK(hugepages(tree).usable_mb() == 512);
    CHECK(hugepages(tree).enough_for(512));
    CHECK_FALSE(hugepages(tree).enough_for(513));

    tree.file("proc/self/mounts",
              "none /mnt/huge hugetlbfs rw 0 0\nnone /mnt/huge1g hugetlbfs rw,pagesize=1024M 0 0");
    CHECK(hugepages(tree).usable_mb() == 512 + 1024); // the first one has the default size

    tree.file("proc/self/mounts", "hugetlbfs /dev/hugepages hugetlbfs ro,pagesize=1G 0 0");
    CHECK(hugepages(tree).usable_mb() == 0);
}

TEST_CASE("promised hugepages are not free, and a machine without any has none") {
    const TempDir tree;
    CHECK(hugepages(tree).usable_mb() == 0);
    CHECK(hugepages(tree).enough_for(0));
    pool(tree, "2048kB", 4, 10);
    tree.file("proc/self/mounts", "h /h hugetlbfs rw,pagesize=2048K 0 0");
    CHECK(hugepages(tree).pages_2m.mounted);
    CHECK(hugepages(tree).pages_2m.free == 0);
}

namespace {

// A pool of 2 MiB pages: what is written to nr_hugepages is given, up to `most`, when the hook looks.
struct FakePool {
    explicit FakePool(int pages) {
        tree.file("proc/meminfo", "Hugepagesize: 2048 kB");
        tree.file("proc/self/mounts", "proc /proc proc rw 0 0");
        tree.file(kWhere + "nr_hugepages", std::to_string(pages));
        set_free(pages);
    }
    void set_free(std::int64_t pages) const { pool(tree, "2048kB", static_cast<int>(pages), 0); }
    [[nodiscard]] std::int64_t total() const { return *read_number(tree.path / (kWhere + "nr_hugepages")); }
    HugepageHooks hooks() {
        return {.proc = tree.path / "proc",
                .sysfs = tree.path / "sys",
                .mount = [this]() -> Result<void> {
                    set_free(total());
                    tree.file("proc/self/mounts", "dpdk-bond /m hugetlbfs rw,pagesize=2M 0 0");
                    ++mounted;
                    return {};
                },
                .unmount = [this] { --mounted; }};
    }
    [[nodiscard]] HugepageWish wish(std::uint64_t mb, bool reserve) const {
        return {.memory_mb = mb, .reserve = reserve, .node = {}, .notes = tree.path / "notes"};
    }
    const std::string kWhere = "sys/kernel/mm/hugepages/hugepages-2048kB/";
    TempDir tree;
    int mounted = 0;
};

} // namespace

TEST_CASE("hugepages that are there are mounted, and nothing more is done") {
    FakePool machine(128);
    {
        const auto lease = HugepageLease::take(machine.wish(256, true), machine.hooks());
        REQUIRE(lease.ok());
        CHECK(lease.value().reserved_mb() == 0);
        CHECK(machine.mounted == 1);
    }
    CHECK(machine.mounted == 0);
    CHECK(machine.total() == 128);
}

TEST_CASE("hugepages that are there, but not for this process, are none; the mount is undone [M10]",
          "[M10]") {
    FakePool machine(128);
    auto hooks = machine.hooks();
    std::uint64_t asked = 0;
    hooks.usable = [&](std::uint64_t mb) {
        asked = mb;
        return false;
    };
    CHECK(
        HugepageLease::take(machine.wish(256, false), hooks).error().find("this process is not given them") !=
        std::string::npos);
    CHECK(asked == 256);
    CHECK(machine.mounted == 0);
    hooks.usable = [](std::uint64_t) { return true; };
    CHECK(HugepageLease::take(machine.wish(256, false), hooks).ok());
}

TEST_CASE("more hugepages than any machine has are not given, and nobody dies of it [M10]", "[M10]") {
    CHECK_FALSE(hugepages_are_given(std::uint64_t{1} << 30U));
}

TEST_CASE("hugepages that are missing are reserved only when asked for, and given back") {
    FakePool machine(100);
    CHECK(HugepageLease::take(machine.wish(256, false), machine.hooks()).error() ==
          "256 MB of hugepages are asked for and 200 MB are free");
    CHECK(machine.total() == 100);
    machine.mounted = 0; // a refusal looks after the mount too
    {
        auto lease = HugepageLease::take(machine.wish(256, true), machine.hooks());
        REQUIRE(lease.ok());
        CHECK(lease.value().reserved_mb() == 56);
        CHECK(machine.total() == 128);
        const HugepageLease moved = std::move(lease).value();
        CHECK(give_back_left_hugepages(machine.tree.path / "notes") == 0); // their owner lives
        CHECK(machine.total() == 128);
    }
    CHECK(machine.total() == 100);
    CHECK_FALSE(std::filesystem::exists(machine.tree.path / "notes"));
}

TEST_CASE("hugepages of an owner that died are given back by the next") {
    FakePool machine(150);
    machine.tree.file("notes/hugepages-1",
                      "pool " + (machine.tree.path / machine.kWhere).string() + "nr_hugepages\npages 50");
    CHECK(give_back_left_hugepages(machine.tree.path / "notes") == 100);
    CHECK(machine.total() == 100);
}

TEST_CASE("threads of vhost-net are found by the name that the kernel gives them") {
    const TempDir proc;
    proc.file("self/task/100/comm", "dpdk-bond");
    proc.file("self/task/101/comm", "bond-host");
    proc.file("200/comm", "vhost-100");
    proc.file("201/comm", "vhost-999"); // another process's
    proc.file("202/comm", "vhost-x");
    CHECK(vhost_threads(proc.path) == std::vector<int>{200});
    proc.file("self/task/102/comm", "vhost-100"); // Linux 6.4 and newer
    CHECK(vhost_threads(proc.path) == std::vector<int>{102});
    CHECK(place_vhost_threads({}) == 0);
}

TEST_CASE("an object in memory of a node is made and destroyed as any other") {
    int destroyed = 0;
    struct Big {
        explicit Big(int& d) : count(d) {}
        ~Big() { ++count; }
        Big(const Big&) = delete;
        Big& operator=(const Big&) = delete;
        int& count;
        char room[100000] = {};
    };
    make_on_node<Big>(0, destroyed);
    make_on_node<Big>(std::nullopt, destroyed);
    CHECK(destroyed == 2);
}

TEST_CASE("vhost-net works when both of its device nodes open") {
    const TempDir dev;
    CHECK_FALSE(vhost_net_works(dev.path));
    dev.file("vhost-net", "");
    CHECK_FALSE(vhost_net_works(dev.path));
    dev.file("net/tun", "");
    CHECK(vhost_net_works(dev.path));
}

TEST_CASE("nodes are told from sysfs, and unknown ones are nothing") {
    const TempDir tree;
    tree.file("class/net/eth0/device/numa_node", "1");
    tree.file("class/net/eth1/device/numa_node", "-1");
    tree.file("bus/pci/devices/0000:01:00.0/numa_node", "1");
    CHECK(numa_node_of_netdev("eth0", tree.path) == 1);
    CHECK_FALSE(numa_node_of_netdev("eth1", tree.path).has_value());
    CHECK_FALSE(numa_node_of_netdev("tap0", tree.path).has_value());
    CHECK(numa_node_of_pci(*PciAddress::parse("01:00.0"), tree.path) == 1);
}

TEST_CASE("the CPU that runs this has a node, and one far beyond the machine has none") {
    CHECK(numa_node_of_cpu_id(::sched_getcpu()).has_value());
    CHECK_FALSE(numa_node_of_cpu_id(100000).has_value());
    CHECK_FALSE(numa_node_of_cpu_id(-1).has_value());
}

TEST_CASE("usable CPUs are those that the thread may run on") {
    cpu_set_t before;
    CPU_ZERO(&before);
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    CHECK(usable_cpus().size() == static_cast<std::size_t>(CPU_COUNT(&before)));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(usable_cpus().size() == 1);
    REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
}

TEST_CASE("isolated CPUs are told by the kernel in ranges") {
    const TempDir tree;
    CHECK(isolated_cpus(tree.path).empty());
    tree.file("devices/system/cpu/isolated", "");
    CHECK(isolated_cpus(tree.path).empty());
    tree.file("devices/system/cpu/isolated", "1,3-5,8");
    CHECK(isolated_cpus(tree.path) == std::vector<unsigned>{1, 3, 4, 5, 8});
}

TEST_CASE("small files are read trimmed, and numbers in both notations") {
    const TempDir tree;
    tree.file("a", "  text \t\n\n");
    tree.file("b", "0x10d3");
    tree.file("c", "-1");
    tree.file("d", "12 MB");
    tree.file("e", "");
    CHECK(read_text(tree.path / "a") == "  text");
    CHECK(read_text(tree.path / "e") == "");
    CHECK_FALSE(read_text(tree.path / "missing").has_value());
    CHECK(read_number(tree.path / "b") == 0x10d3);
    CHECK(read_number(tree.path / "c") == -1);
    CHECK_FALSE(read_number(tree.path / "d").has_value());
    CHECK_FALSE(read_number(tree.path / "e").has_value());
    CHECK(write_text(tree.path / "missing", "x").error().ends_with("No such file or directory"));
    REQUIRE(replace_file(tree.path / "a", "new").ok());
    CHECK(read_text(tree.path / "a") == "new");
    CHECK_FALSE(replace_file(tree.path / "no/such/dir", "x").ok());
}

TEST_CASE("a netdev's state survives being written and read") {
    NetdevState state;
    state.name = "eth0.100";
    state.ifindex = 7;
    state.netns = {4026531840, 1};
    state.pid = 123;
    state.admin_up = true;
    state.mac = *Mac::parse("02:bd:00:00:00:01");
    state.mtu = 9000;
    state.allmulti = true;
    state.gro = true;
    state.sysctls = {{"ipv4/arp_ignore", "1"}};
    state.v6_addresses = {*IpPrefix::parse("2001:db8::1/64")};
    const auto again = NetdevState::parse(state.to_text());
    REQUIRE(again.has_value());
    CHECK(again->to_text() == state.to_text());
    CHECK(again->name == "eth0.100");
    CHECK(again->netns == state.netns);
    CHECK(again->gro == true);
    CHECK_FALSE(again->lro.has_value());
    CHECK(again->v6_addresses == state.v6_addresses);
}

TEST_CASE("a state file that was cut or is about nothing is refused") {
    CHECK_FALSE(NetdevState::parse("").has_value());
    CHECK_FALSE(NetdevState::parse("name m0\nifindex x\n").has_value());
    CHECK_FALSE(NetdevState::parse("name m0\nifindex 3\nnetns_inode 5\nmtu 1500\nmac zz\n").has_value());
    CHECK(NetdevState::parse("name m0\nifindex 3\nnetns_inode 5\nmtu 1500\nmac 02:00:00:00:00:01\nnew x\n")
              .has_value());
}
