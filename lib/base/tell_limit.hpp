// SPDX-License-Identifier: BSD-3-Clause
// Keeps what others do again and again from filling the log. One thread at a time.
#pragma once

#include <chrono>

#include "base/time.hpp"

namespace dpdkbond {

class TellLimit {
public:
    enum class May { tell, tell_last, be_silent };
    // Ten lines a minute; the tenth may say that it is the last for now.
    May ask(Time now) {
        if (now - began_ >= std::chrono::minutes(1)) {
            began_ = now;
            told_ = 0;
        }
        if (told_ == kLines) return May::be_silent;
        return ++told_ == kLines ? May::tell_last : May::tell;
    }

private:
    static constexpr unsigned kLines = 10;
    Time began_{};
    unsigned told_ = 0;
};

} // namespace dpdkbond
