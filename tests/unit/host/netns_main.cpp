// SPDX-License-Identifier: BSD-3-Clause
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "catch_session.hpp"
#include "netns.hpp"

namespace dpdkbond::testing {

void ip(const std::string& arguments) {
    if (std::system(("ip " + arguments).c_str()) != 0) throw std::runtime_error("failed: ip " + arguments);
}

ScopedLink::~ScopedLink() {
    if (std::system(("ip link del " + name + " 2>/dev/null").c_str()) != 0) return; // it had gone already
}

Fd open_tap(const std::string& name) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) throw std::runtime_error("no tap " + name);
    return fd;
}

} // namespace dpdkbond::testing

int main(int argc, char** argv) {
    constexpr int kSkipped = 77; // as meson and automake read it
    if (::unshare(CLONE_NEWNET) != 0) {
        std::printf("SKIP: no private network namespace: %s (run as root)\n", std::strerror(errno));
        return kSkipped;
    }
    try {
        const dpdkbond::testing::ScopedLink probe("probe0");
        dpdkbond::testing::ip("link add probe0 type veth peer name probe1");
        dpdkbond::testing::ip("link set lo up");
    } catch (const std::exception& e) {
        std::printf("SKIP: no veth devices here: %s\n", e.what());
        return kSkipped;
    }
    return dpdkbond::testing::run_tests(argc, argv);
}
