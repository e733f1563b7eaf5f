// SPDX-License-Identifier: BSD-3-Clause
// A value or one line that says what went wrong. Used by everything that may fail while running; start-up
// throws.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dpdkbond {

struct Error {
    std::string message; // one line, no newline, names the thing and the remedy
};

template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] T& value() & { return std::get<0>(state_); }
    [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
    [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
    [[nodiscard]] const std::string& error() const { return std::get<1>(state_).message; }

private:
    std::variant<T, Error> state_;
};

template <> class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const std::string& error() const { return error_->message; }

private:
    std::optional<Error> error_;
};

} // namespace dpdkbond
