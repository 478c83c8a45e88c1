// Flows, drops and rates in words, a line each. Pure. What others wrote is in it as it is: who
// prints it makes it printable.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/watch/flow.hpp"
#include "core/watch/tally.hpp"

namespace core::watch {

// What is said of a flow or drop besides itself. All may be empty.
struct Said {
  std::string_view object;
  std::string_view pod;
  std::string_view place;  // where several are watched
};

// "new   tcp 198.51.100.10:1234 > 203.0.113.5:80  =>  10.1.0.2:1234 > 10.1.0.11:8080  Mapping
// shop/web"
std::string to_text(const Flow& flow, const Said& said);
// "drop  tcp 198.51.100.10:1234 > 10.1.0.11:8080 by ext1: a firewall rule (NETFILTER_DROP)  …"
std::string to_text(const Drop& drop, const Said& said);
// The command that says which rule, route or device it is; empty where it can say nothing.
std::string next_command(const Drop& drop, std::string_view from_netns);

// "1.2 kB", "17 B": powers of 1000, as rates are told.
std::string bytes_text(double bytes);
// What came in `seconds`, per second: "12", "0.5"; "0" stays that.
std::string rate_text(std::uint64_t number, double seconds);

// A table with a header, columns as wide as their widest cell. `bytes`: with columns of them.
std::vector<std::string> rate_lines(const std::vector<Rates::Row>& rows, double seconds,
                                    bool bytes);
// One line of the same for where lines follow each other: "rate  Mapping shop/web: 12 new/s, …"
std::string rate_line(const Rates::Row& row, double seconds, bool bytes);

}  // namespace core::watch
