// SPDX-License-Identifier: BSD-3-Clause
// include/dpdkbond.h over an embedded bond. C++ exceptions end here.
#include "dpdkbond.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/names.hpp"
#include "embed/embedded_bond.hpp"
#include "embed/instance.hpp"
#include "ops/client.hpp"
#include "ops/render.hpp"

using namespace dpdkbond;

namespace {

thread_local std::string last_error;

int refuse(int code, std::string why) {
    last_error = std::move(why);
    return code;
}

// Runs f, and turns what is thrown into an errno.
template <class F> int guarded(F f) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return refuse(-ENOMEM, "there is no memory for it");
    } catch (const std::exception& e) {
        return refuse(-EIO, e.what());
    }
}

int answer(const Result<void>& done, int code = -EINVAL) { return done ? 0 : refuse(code, done.error()); }

int write_text(const std::string& text, char* buffer, std::size_t room) {
    if (room != 0) {
        const std::size_t n = std::min(room - 1, text.size());
        std::memcpy(buffer, text.data(), n);
        buffer[n] = '\0';
    }
    return static_cast<int>(text.size());
}

class LibraryFace final : public Face {
public:
    LibraryFace(std::string name, const dpdkbond_setup& setup) : name_(std::move(name)) {
        static std::atomic<unsigned> made{0};
        number_ = made++;
        const std::uint16_t lanes = setup.lanes != 0 ? setup.lanes : std::uint16_t{1};
        const std::uint16_t descriptors = setup.descriptors != 0 ? setup.descriptors : std::uint16_t{512};
        conf_.rxmode.offloads = setup.rx_offloads;
        conf_.txmode.offloads = setup.tx_offloads;
        conf_.rx_adv_conf.rss_conf.rss_hf = setup.rss_hf;
        if (setup.rss_hf != 0) conf_.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        mtu = setup.mtu != 0 ? setup.mtu : std::uint16_t{1500};
        for (std::uint16_t q = 0; q < lanes; ++q) {
            rx.push_back(std::make_unique<RxQueue>());
            rx.back()->port = Face::kNoPort;
            rx.back()->number = q;
            rx.back()->pool = setup.pool;
            rx.back()->descriptors = descriptors;
            tx.push_back(std::make_unique<TxQueue>());
            tx.back()->number = q;
            tx.back()->descriptors = descriptors;
        }
    }

    [[nodiscard]] std::string tag() const override { return fmt::format("lib{}", number_); }
    [[nodiscard]] std::string logical_name() const override { return name_; }
    [[nodiscard]] std::string_view backend() const override { return "library"; }
    [[nodiscard]] bool may_be_empty() const override { return true; }
    FaceSetup setup() override {
        FaceSetup s;
        s.conf = &conf_;
        s.mtu = mtu;
        for (const auto& q : rx) s.rx.push_back(q.get());
        for (const auto& q : tx) s.tx.push_back(q.get());
        return s;
    }
    void show_link(const rte_eth_link& link) override {
        speed = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0U : link.link_speed;
        up = link.link_status == RTE_ETH_LINK_UP;
    }
    void show_mac(const Mac& address) override {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, address.data(), 6);
        mac = bytes;
    }
    void tell(const Event& event, std::int64_t) override {
        const std::lock_guard lock(listener_mutex_);
        if (listener_ == nullptr) return;
        const std::string member(event.member.view()), kind(event_name(event.kind)),
            detail(event.detail.view());
        const dpdkbond_event told{to_ns(event.at), member.c_str(), kind.c_str(), detail.c_str()};
        listener_(listener_context_, &told);
    }
    void listen(dpdkbond_event_fn f, void* context) {
        const std::lock_guard lock(listener_mutex_);
        listener_ = f;
        listener_context_ = context;
    }

    std::vector<std::unique_ptr<RxQueue>> rx;
    std::vector<std::unique_ptr<TxQueue>> tx;
    std::atomic<std::uint16_t> mtu;
    std::atomic<bool> up{false};
    std::atomic<std::uint32_t> speed{0};
    std::atomic<std::uint64_t> mac{0};
    // The queues may be used. Stored after they were made ready, and before they are taken away.
    std::atomic<bool> runs{false};

private:
    const std::string name_;
    unsigned number_ = 0;
    rte_eth_conf conf_{};
    std::recursive_mutex listener_mutex_;
    dpdkbond_event_fn listener_ = nullptr;
    void* listener_context_ = nullptr;
};

} // namespace

struct dpdkbond_bond {
    dpdkbond_bond(const std::string& name, const dpdkbond_setup& setup, PortArgs args)
        : face(name, setup), bond(face, std::move(args), -1, (setup.flags & DPDKBOND_STEP) == 0),
          has_sockets((setup.flags & DPDKBOND_NO_SOCKETS) == 0) {}
    LibraryFace face;
    EmbeddedBond bond;
    const bool has_sockets;
};

namespace {

dpdkbond_t* make(const std::string& name, const std::string& options, const dpdkbond_setup* given) {
    const auto refused = [](std::string why) -> dpdkbond_t* {
        last_error = std::move(why);
        return nullptr;
    };
    dpdkbond_setup setup{};
    if (given == nullptr || given->size < offsetof(dpdkbond_setup, lanes) + sizeof setup.lanes)
        return refused("setup: it is missing, or its size is not set; size is sizeof(struct dpdkbond_setup)");
    if (given->size > sizeof setup) return refused("setup: the program was compiled for a newer libdpdkbond");
    std::memcpy(&setup, given, given->size);
    if (setup.pool == nullptr) return refused("setup.pool: members need a pool to receive into");
    if (setup.lanes > DPDKBOND_MAX_LANES)
        return refused(
            fmt::format("setup.lanes: {} are too many; allowed: 1-{}", setup.lanes, DPDKBOND_MAX_LANES));
    if (rte_eal_process_type() != RTE_PROC_PRIMARY)
        return refused("a secondary process cannot have a bond: control and its state are the primary's");
    try {
        ParsedPortArgs parsed = parse_port_args(name, options, false);
        if (!parsed.problems.empty())
            return refused(fmt::format("{}: {}", name, fmt::join(parsed.problems, "\n" + name + ": ")));
        parsed.args.bond.logical.mtu = setup.mtu != 0 ? setup.mtu : 1500U;
        const std::string called = parsed.args.bond.name;
        auto bond = std::make_unique<dpdkbond_bond>(called, setup, std::move(parsed.args));
        if (bond->has_sockets) {
            if (!enter_instance(bond->bond))
                return refused(fmt::format("{}: there is a bond of that name already", called));
        }
        return bond.release();
    } catch (const std::bad_alloc&) {
        return refused("there is no memory for it");
    } catch (const std::exception& e) {
        return refused(fmt::format("{}: {}", name, e.what()));
    }
}

} // namespace

extern "C" {

const char* dpdkbond_version() { return DPDKBOND_VERSION; }
const char* dpdkbond_error() { return last_error.c_str(); }

dpdkbond_t* dpdkbond_create(const char* name, const char* options, const dpdkbond_setup* setup) {
    return make(name != nullptr ? name : "", options != nullptr ? options : "", setup);
}

dpdkbond_t* dpdkbond_create_yaml(const char* file, const char* bond, const dpdkbond_setup* setup) {
    if (file == nullptr) {
        last_error = "file: it is missing";
        return nullptr;
    }
    std::string name = bond != nullptr ? bond : "";
    std::string options = fmt::format("config={}", file);
    if (bond != nullptr) {
        options += fmt::format(",bond={}", bond);
    } else {
        name = only_bond_of(file);
        if (name.empty()) name = "bond"; // what is wrong is told by whoever reads it
    }
    return make(name, options, setup);
}

void dpdkbond_destroy(dpdkbond_t* bond) {
    if (bond == nullptr) return;
    dpdkbond_stop(bond);
    if (bond->has_sockets) leave_instance(bond->bond);
    delete bond;
}

int dpdkbond_add_port(dpdkbond_t* bond, std::uint16_t port_id, const char* name) {
    return guarded([&] {
        char device[RTE_ETH_NAME_MAX_LEN];
        if (rte_eth_dev_get_name_by_port(port_id, device) != 0)
            return refuse(-ENODEV, fmt::format("there is no port {}", port_id));
        std::vector<std::string> settings;
        if (name != nullptr) settings = {"name", name};
        auto member = member_of_words(device, settings);
        if (!member) return refuse(-EINVAL, member.error());
        return answer(bond->bond.add_member(std::move(member).value()));
    });
}

int dpdkbond_remove_port(dpdkbond_t* bond, std::uint16_t port_id) {
    return guarded([&] {
        const std::string name = bond->bond.name_of_member(port_id);
        if (name.empty()) return refuse(-ENOENT, fmt::format("port {} is no member", port_id));
        return answer(bond->bond.remove_member(name), -EBUSY);
    });
}

int dpdkbond_start(dpdkbond_t* bond) {
    return guarded([&] {
        const int rc = bond->bond.start();
        if (rc == 0) bond->face.runs.store(true, std::memory_order_release);
        return rc == 0 ? 0 : refuse(rc, "it could not start; DPDK's log says why");
    });
}

int dpdkbond_stop(dpdkbond_t* bond) {
    return guarded([&] {
        bond->face.runs.store(false, std::memory_order_release);
        return bond->bond.stop();
    });
}

std::uint16_t dpdkbond_rx_burst(dpdkbond_t* bond, std::uint16_t lane, rte_mbuf** frames, std::uint16_t n) {
    if (!bond->face.runs.load(std::memory_order_acquire)) [[unlikely]]
        return 0;
    return receive_burst(bond->face.rx[lane].get(), frames, n);
}

std::uint16_t dpdkbond_tx_burst(dpdkbond_t* bond, std::uint16_t lane, rte_mbuf** frames, std::uint16_t n) {
    if (!bond->face.runs.load(std::memory_order_acquire)) [[unlikely]]
        return 0;
    return send_burst(bond->face.tx[lane].get(), frames, n);
}

std::int64_t dpdkbond_step(dpdkbond_t* bond, std::int64_t at) {
    std::int64_t next = INT64_MAX;
    guarded([&] {
        const Time due = bond->bond.step(at != 0 ? time_from_ns(at) : Time{});
        next = due == kNever ? INT64_MAX : to_ns(due);
        return 0;
    });
    return next;
}

int dpdkbond_set_option(dpdkbond_t* bond, const char* option, const char* value) {
    return guarded([&] {
        const bool known = std::string_view(option) == "mode" || find_option(option) != nullptr;
        return answer(bond->bond.set_option(option, value), known ? -EINVAL : -ENOENT);
    });
}

int dpdkbond_set_member_option(dpdkbond_t* bond, const char* member, const char* option, const char* value) {
    return guarded([&] {
        const bool known = find_option(option) != nullptr && bond->bond.has_member(member);
        return answer(bond->bond.set_member_option(member, option, value), known ? -EINVAL : -ENOENT);
    });
}

int dpdkbond_set_active(dpdkbond_t* bond, const char* member) {
    return guarded([&] { return answer(bond->bond.set_active(member)); });
}

int dpdkbond_set_member_link(dpdkbond_t* bond, const char* member, int up) {
    return guarded([&] { return answer(bond->bond.set_member_link(member, up != 0), -ENOENT); });
}

int dpdkbond_set_mac(dpdkbond_t* bond, const std::uint8_t mac[6]) {
    return guarded([&] {
        const Mac address = Mac::from_bytes(mac);
        if (!address.is_valid_unicast())
            return refuse(-EINVAL, address.to_string() + " is no MAC address of a device");
        return bond->bond.set_mac(address);
    });
}

int dpdkbond_set_mtu(dpdkbond_t* bond, std::uint16_t mtu) {
    return guarded([&] {
        const int rc = bond->bond.set_mtu(mtu);
        if (rc != 0) return refuse(rc, "a member refuses it; DPDK's log says which");
        bond->face.mtu = mtu;
        return 0;
    });
}

int dpdkbond_set_promiscuous(dpdkbond_t* bond, int on) {
    return guarded([&] { return bond->bond.set_promiscuous(on != 0); });
}

int dpdkbond_set_allmulticast(dpdkbond_t* bond, int on) {
    return guarded([&] { return bond->bond.set_allmulticast(on != 0); });
}

int dpdkbond_set_multicast(dpdkbond_t* bond, const std::uint8_t (*groups)[6], std::size_t count) {
    return guarded([&] {
        std::vector<Mac> macs;
        for (std::size_t i = 0; i < count; ++i) macs.push_back(Mac::from_bytes(groups[i]));
        for (const Mac& mac : macs)
            if (!mac.is_multicast()) return refuse(-EINVAL, mac.to_string() + " is no group's address");
        return bond->bond.set_groups(std::move(macs));
    });
}

void dpdkbond_get_link(dpdkbond_t* bond, dpdkbond_link* link) {
    link->up = bond->face.up ? 1 : 0;
    link->speed_mbps = bond->face.up ? bond->face.speed.load() : 0;
}

void dpdkbond_get_mac(dpdkbond_t* bond, std::uint8_t mac[6]) {
    const std::uint64_t bytes = bond->face.mac;
    std::memcpy(mac, &bytes, 6);
}

void dpdkbond_get_stats(dpdkbond_t* bond, dpdkbond_stats* stats) {
    *stats = {};
    guarded([&] {
        const PortCounters c = bond->bond.counters();
        stats->rx_packets = c.bond.rx_packets;
        stats->rx_bytes = c.bond.rx_bytes;
        stats->tx_packets = c.bond.tx_packets;
        stats->tx_bytes = c.bond.tx_bytes;
        stats->punted = c.bond.punted;
        stats->injected = c.bond.injected;
        for (const std::uint64_t drops : c.bond.drops) stats->dropped += drops;
        return 0;
    });
}

void dpdkbond_clear_stats(dpdkbond_t* bond) {
    guarded([&] {
        bond->bond.clear_counters();
        return 0;
    });
}

int dpdkbond_text(dpdkbond_t* bond, enum dpdkbond_text what, char* buffer, std::size_t room) {
    return guarded([&] {
        switch (what) {
        case DPDKBOND_STATUS: return write_text(render_proc(bond->bond.view()), buffer, room);
        case DPDKBOND_EVENTS: return write_text(render_events(bond->bond.history()), buffer, room);
        case DPDKBOND_STATS: return write_text(render_stats(bond->bond.view()), buffer, room);
        case DPDKBOND_CONFIG: return write_text(bond->bond.config_text(), buffer, room);
        case DPDKBOND_STATUS_JSON: break;
        default: return refuse(-EINVAL, "there is no such text");
        }
        if (!bond->has_sockets) return refuse(-ENOTSUP, "JSON comes from DPDK's telemetry, which is off");
        const std::string dir = rte_eal_get_runtime_dir();
        const auto text = status_as_json(dir.substr(dir.rfind('/') + 1), bond->bond.name());
        return text ? write_text(text.value(), buffer, room) : refuse(-ENOTSUP, text.error());
    });
}

int dpdkbond_explain(dpdkbond_t* bond, const char* flow, char* buffer, std::size_t room) {
    return guarded([&] {
        const auto parsed = parse_flow(flow);
        if (!parsed) return refuse(-EINVAL, parsed.error());
        const auto explained = bond->bond.explain(parsed.value());
        return explained ? write_text(render_explain(explained.value()), buffer, room)
                         : refuse(-EBUSY, explained.error());
    });
}

void dpdkbond_on_event(dpdkbond_t* bond, dpdkbond_event_fn f, void* context) {
    bond->face.listen(f, context);
}

} // extern "C"
