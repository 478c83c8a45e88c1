#include "core/watch/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

namespace core::watch {
namespace {

constexpr std::string_view nobody = "no known object";

std::string besides(const Said& said) {
  std::string text;
  for (const std::string_view one : {said.object, said.pod}) {
    if (!one.empty()) text.append(text.empty() ? "  " : ", ").append(one);
  }
  if (!said.place.empty()) text.append("  at ").append(said.place);
  return text;
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), number < 9.95 ? "%.1f" : "%.0f", number);
  const std::string result = text.data();
  return result.ends_with(".0") ? result.substr(0, result.size() - 2) : result;
}

std::string_view name_of(const Rates::Row& row) { return row.object.empty() ? nobody : row.object; }

// Characters of UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string to_text(const Flow& flow, const Said& said) {
  std::string text = (flow.ended ? "end   " : "new   ") + packet_text(flow.before);
  if (flow.after != flow.before) text += "  =>  " + direction_text(flow.after);
  if (flow.ended && flow.traffic) {
    text += "  " + bytes_text(static_cast<double>(flow.traffic->received)) + " received, " +
            bytes_text(static_cast<double>(flow.traffic->sent)) + " sent";
  }
  return text + besides(said);
}

std::string to_text(const Drop& drop, const Said& said) {
  std::string text = "drop  " + packet_text(drop.packet);
  if (!drop.interface.empty()) text += " by " + drop.interface;
  const std::string_view words = reason_text(drop.reason);
  text += ": ";
  text += words.empty() ? drop.reason : std::string(words) + " (" + drop.reason + ')';
  return text + besides(said);
}

std::string next_command(const Drop& drop, std::string_view from_netns) {
  const std::uint8_t protocol = drop.packet.protocol;
  const bool echo = protocol == packet::icmp || protocol == packet::icmpv6;
  const bool known = protocol == packet::tcp || protocol == packet::udp || echo;
  if (!known || (!echo && drop.packet.destination_port == 0)) return "";
  std::string text = "pona diag trace ";
  if (!from_netns.empty()) text.append("--from-netns ").append(from_netns).append(" ");
  if (echo) text += "--icmp ";
  if (protocol == packet::udp) text += "--udp ";
  return text + to_string(drop.packet.source) + " to " + destination_text(drop.packet);
}

std::string bytes_text(double bytes) {
  constexpr std::array<const char*, 6> units = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 999.5 && unit + 1 < units.size(); ++unit) bytes /= 1000;
  return number_text(bytes) + ' ' + units[unit];
}

std::string rate_text(std::uint64_t number, double seconds) {
  if (number == 0 || seconds <= 0) return "0";
  // What happened is not to look as if it had not.
  return number_text(std::max(static_cast<double>(number) / seconds, 0.1));
}

std::vector<std::string> rate_lines(const std::vector<Rates::Row>& rows, double seconds,
                                    bool bytes) {
  std::vector<std::vector<std::string>> cells = {{"OBJECT", "NEW/S", "ENDED/S", "DROPS/S"}};
  if (bytes) cells[0].insert(cells[0].end(), {"RECEIVED/S", "SENT/S"});
  for (const Rates::Row& row : rows) {
    cells.push_back({std::string(name_of(row)), rate_text(row.begun, seconds),
                     rate_text(row.ended, seconds), rate_text(row.drops, seconds)});
    if (!bytes) continue;
    for (const std::uint64_t amount : {row.traffic.received, row.traffic.sent}) {
      cells.back().push_back(bytes_text(static_cast<double>(amount) / seconds));
    }
  }
  std::vector<std::size_t> widths(cells[0].size());
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::vector<std::string> lines;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string room(widths[i] - width_of(row[i]), ' ');
      line += i == 0 ? row[i] + room : "  " + room + row[i];  // numbers to the right
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string rate_line(const Rates::Row& row, double seconds, bool bytes) {
  std::string text = "rate  " + std::string(name_of(row)) + ": " + rate_text(row.begun, seconds) +
                     " new/s, " + rate_text(row.ended, seconds) + " ended/s, " +
                     rate_text(row.drops, seconds) + " drops/s";
  if (!bytes) return text;
  return text + ", " + bytes_text(static_cast<double>(row.traffic.received) / seconds) +
         "/s received, " + bytes_text(static_cast<double>(row.traffic.sent) / seconds) + "/s sent";
}

}  // namespace core::watch
