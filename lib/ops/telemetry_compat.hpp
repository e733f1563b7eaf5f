// SPDX-License-Identifier: BSD-3-Clause
// The containers of rte_telemetry as small builders that hide what differs between DPDK 22.11 and newer ones.
// An answer is filled by one thread, inside the callback; children belong to the library once they are
// attached.
#pragma once

#include <climits>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include <rte_telemetry.h>
#include <rte_version.h>

namespace dpdkbond::tel {

#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
inline int add_uint(rte_tel_data* d, const char* name, std::uint64_t v) {
    return rte_tel_data_add_dict_uint(d, name, v);
}
inline int add_int(rte_tel_data* d, const char* name, std::int64_t v) {
    return rte_tel_data_add_dict_int(d, name, v);
}
#else
inline int add_uint(rte_tel_data* d, const char* name, std::uint64_t v) {
    return rte_tel_data_add_dict_u64(d, name, v);
}
inline int add_int(rte_tel_data* d, const char* name, std::int64_t v) { // 22.11 has 32 bits for signed values
    const std::int64_t cut = v < INT_MIN ? INT_MIN : (v > INT_MAX ? INT_MAX : v);
    return rte_tel_data_add_dict_int(d, name, static_cast<int>(cut));
}
#endif

// Room for a string value; longer text is cut.
inline constexpr std::size_t kMaxText = RTE_TEL_MAX_STRING_LEN - 1;

// What the library would drop, or could not be cut safely, becomes '?'.
inline std::string clean(std::string_view text) {
    std::string out(text.substr(0, kMaxText));
    for (char& c : out)
        if (c < 0x20 || c > 0x7e) c = '?';
    return out;
}

inline rte_tel_data* new_container() {
    rte_tel_data* d = rte_tel_data_alloc();
    if (d == nullptr) throw std::bad_alloc();
    return d;
}

class Strings { // an array of strings
public:
    explicit Strings(rte_tel_data* d) : d_(d) { rte_tel_data_start_array(d_, RTE_TEL_STRING_VAL); }
    void add(std::string_view text) { rte_tel_data_add_array_string(d_, clean(text).c_str()); }

private:
    rte_tel_data* d_;
};

class Dict { // names: letters, digits, '_' and '/' only, literals
public:
    explicit Dict(rte_tel_data* d) : d_(d) { rte_tel_data_start_dict(d_); }

    void text(const char* name, std::string_view value) {
        rte_tel_data_add_dict_string(d_, name, clean(value).c_str());
    }
    void number(const char* name, std::uint64_t value) { add_uint(d_, name, value); }
    void signed_number(const char* name, std::int64_t value) { add_int(d_, name, value); }
    void flag(const char* name, bool value) {
        add_int(d_, name, value ? 1 : 0);
    } // telemetry knows no booleans

    Dict dict(const char* name) {
        Dict child(new_container());
        attach(name, child.d_);
        return child;
    }
    Strings strings(const char* name) {
        rte_tel_data* d = new_container();
        Strings child(d);
        attach(name, d);
        return child;
    }

private:
    void attach(const char* name, rte_tel_data* child) {
        if (rte_tel_data_add_dict_container(d_, name, child, 0) < 0) {
            rte_tel_data_free(child);
            throw std::bad_alloc(); // the dict is full
        }
    }
    rte_tel_data* d_;
};

// An array of dicts. rte_tel_data_add_array_container() takes arrays only, though what it prints may be a
// dict: so a child joins as an array and becomes a dict before it is filled.
class Dicts {
public:
    explicit Dicts(rte_tel_data* d) : d_(d) { rte_tel_data_start_array(d_, RTE_TEL_CONTAINER); }
    Dict add() {
        rte_tel_data* child = new_container();
        rte_tel_data_start_array(child, RTE_TEL_STRING_VAL);
        if (rte_tel_data_add_array_container(d_, child, 0) < 0) {
            rte_tel_data_free(child);
            throw std::bad_alloc(); // the array is full
        }
        return Dict(child);
    }

private:
    rte_tel_data* d_;
};

} // namespace dpdkbond::tel
