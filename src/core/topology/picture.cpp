#include "core/topology/picture.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace core::topology {
namespace {

using Role = Node::Role;

constexpr std::size_t longest_title = 44;
constexpr std::size_t longest_row = 60;

std::string shortened(const std::string& text, std::size_t longest) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && ++characters == longest) {
      std::size_t end = i;
      while (++end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        continue;
      return end == text.size() ? text : text.substr(0, i) + "…";
    }
  }
  return text;
}

bool is_shown(const Prefix& held) {
  static const Prefix local = *Prefix::parse("fe80::/10");
  return !local.contains(held.address);
}

// The first of each family, and how many more.
std::string addresses_of(const Interface& one) {
  std::string text;
  std::size_t left = 0;
  std::set<Family> said;
  for (const Prefix& held : one.addresses) {
    if (!is_shown(held)) continue;
    if (!said.insert(held.family()).second) {
      ++left;
      continue;
    }
    text += (text.empty() ? "" : ", ") + to_string(held);
  }
  return left == 0 ? text : text + " +" + std::to_string(left);
}

std::string common_start(const std::vector<std::string>& names) {
  std::string common = names.front();
  for (const std::string& name : names) {
    std::size_t same = 0;
    while (same < common.size() && same < name.size() && common[same] == name[same]) ++same;
    common.resize(same);
  }
  // Not within a character.
  while (!common.empty() && (static_cast<unsigned char>(common.back()) & 0x80) != 0)
    common.pop_back();
  return common;
}

class PictureMaker {
 public:
  explicit PictureMaker(const Graph& graph)
      : graph_(graph), groups_(fold(graph)), box_of_(graph.nodes.size()) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      for (const std::size_t node : groups_[i]) box_of_[node] = i;
    }
  }

  Picture make() {
    for (const auto& group : groups_) picture_.boxes.push_back(box(group));
    layers();
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i].size() == 1) {
        interfaces(i, groups_[i].front());
      } else {
        interfaces_of_group(i);
      }
    }
    cables();
    mappings();
    egresses();
    for (Box& box : picture_.boxes) {
      for (const Row& row : box.rows) box.severity = std::max(box.severity, row.severity);
    }
    return std::move(picture_);
  }

 private:
  using RowOf = std::map<std::pair<std::size_t, std::size_t>, std::size_t>;  // node, interface

  Box box(const std::vector<std::size_t>& group) const {
    const Node& first = graph_.nodes[group.front()];
    Box box;
    box.role = first.role;
    box.count = group.size();
    box.title = shortened(first.name, longest_title);
    box.elsewhere =
        std::ranges::all_of(group, [&](std::size_t node) { return graph_.nodes[node].elsewhere; });
    for (const std::string& job : first.jobs)
      box.subtitle += (box.subtitle.empty() ? "" : ", ") + job;
    if (group.size() > 1) {
      for (const std::size_t node : group) box.members.push_back(graph_.nodes[node].name);
      std::string common = common_start(box.members);
      if (common.starts_with("pod ")) common.erase(0, 4);
      const std::string what = first.role == Role::pod
                                   ? " pods"
                                   : std::string(" ") + std::string(to_string(first.role)) + "s";
      box.title = std::to_string(group.size()) + (first.role == Role::outside ? " outside" : what);
      if (!common.empty()) box.title = shortened(box.title + " " + common + "*", longest_title);
    }
    if (box.elsewhere && box.role == Role::pod && box.subtitle.empty())
      box.subtitle = "on other nodes";
    return box;
  }

  void add_row(std::size_t box, Row row) {
    row.text = shortened(row.text, longest_row);
    picture_.boxes[box].rows.push_back(std::move(row));
  }

  void add_marks(std::size_t box, const std::vector<Mark>& marks, bool indented) {
    for (const Mark& mark : marks)
      add_row(box, {Row::Kind::mark, "", mark.text, indented, mark.severity});
  }

  static Row row_of(const Interface& one, bool indented) {
    Row row{Row::Kind::interface, one.name, addresses_of(one), indented, Severity::none};
    const auto add = [&](const std::string& text) {
      row.text += (row.text.empty() ? "" : " · ") + text;
    };
    if (!one.tunnel.empty()) {
      add(one.tunnel);
    } else if (one.kind == "bridge" || one.kind == "vlan" || one.kind == "bond" ||
               one.kind == "vrf") {
      add(one.kind);
    }
    add("mtu " + std::to_string(one.mtu));
    return row;
  }

  // A host's legs into a box that stands for many are one row.
  std::optional<std::size_t> folded_peer(std::size_t node, std::size_t interface) const {
    const auto other = other_end(graph_, {node, interface});
    if (!other) return std::nullopt;
    const std::size_t box = box_of_[other->node];
    return groups_[box].size() > 1 ? std::optional(box) : std::nullopt;
  }

  void interfaces(std::size_t box, std::size_t number) {
    const Node& node = graph_.nodes[number];
    add_marks(box, node.marks, false);
    const auto belongs = [&](const Interface& one) {
      return std::ranges::any_of(node.interfaces, [&](const Interface& other) {
        return other.name == one.master && other.kind == "bridge";
      });
    };
    for (std::size_t i = 0; i < node.interfaces.size(); ++i) {
      if (belongs(node.interfaces[i])) continue;
      interface(box, number, i, "");
      if (node.interfaces[i].kind != "bridge") continue;
      for (std::size_t j = 0; j < node.interfaces.size(); ++j) {
        if (node.interfaces[j].master == node.interfaces[i].name)
          interface(box, number, j, node.interfaces[i].name);
      }
    }
    for (const auto& [where, row] : more_) {
      picture_.boxes[box].rows[row].name = std::to_string(hidden_[where]) + " more interfaces";
    }
    for (const auto& [where, legs] : legs_) {
      Row& row = picture_.boxes[box].rows[legs.row];
      row.name = std::to_string(legs.names.size()) + " interfaces";
      const std::string common = common_start(legs.names);
      if (!common.empty()) row.name += " " + common + "*";
    }
    more_.clear();
    hidden_.clear();
    legs_.clear();
  }

  void interface(std::size_t box, std::size_t number, std::size_t i, const std::string& bridge) {
    const Interface& one = graph_.nodes[number].interfaces[i];
    if (one.kind == "loopback") return;
    std::vector<Row>& rows = picture_.boxes[box].rows;
    if (const auto peer = folded_peer(number, i)) {
      const auto [at, fresh] = legs_.try_emplace({bridge, *peer}, Legs{rows.size(), {}});
      if (fresh) {
        add_row(box, {Row::Kind::interface, "", "mtu " + std::to_string(one.mtu), !bridge.empty(),
                      Severity::none});
        add_marks(box, one.marks, true);
      }
      at->second.names.push_back(one.name);
      rows_[{number, i}] = at->second.row;
      return;
    }
    const auto shown =
        static_cast<std::size_t>(std::ranges::count(rows, Row::Kind::interface, &Row::kind));
    if (shown >= most_rows && one.marks.empty()) {
      const auto [at, fresh] = more_.try_emplace(bridge, rows.size());
      if (fresh) add_row(box, {Row::Kind::more, "", "", !bridge.empty(), Severity::none});
      ++hidden_[bridge];
      rows_[{number, i}] = at->second;
      return;
    }
    rows_[{number, i}] = rows.size();
    add_row(box, row_of(one, !bridge.empty()));
    add_marks(box, one.marks, true);
  }

  // All are as the first; the addresses are those of the first and the last.
  void interfaces_of_group(std::size_t box) {
    const std::vector<std::size_t>& group = groups_[box];
    const Node& first = graph_.nodes[group.front()];
    const auto same = [](const Interface& a, const Interface& b) {
      return a.name == b.name && a.mtu == b.mtu && a.up == b.up && a.marks.size() == b.marks.size();
    };
    // Those that are the rest of a column are not.
    const bool alike = std::ranges::all_of(group, [&](std::size_t number) {
      const Node& node = graph_.nodes[number];
      return node.marks.size() == first.marks.size() &&
             std::equal(node.interfaces.begin(), node.interfaces.end(), first.interfaces.begin(),
                        first.interfaces.end(), same);
    });
    if (!alike) picture_.boxes[box].subtitle = "of different kinds";
    if (!alike) return;
    add_marks(box, first.marks, false);
    const Node& last = graph_.nodes[group.back()];
    for (std::size_t i = 0; i < first.interfaces.size(); ++i) {
      const Interface& one = first.interfaces[i];
      if (one.kind == "loopback") continue;
      for (const std::size_t node : group) rows_[{node, i}] = picture_.boxes[box].rows.size();
      Row row = row_of(one, false);
      const auto low = std::ranges::find_if(one.addresses, is_shown);
      const auto& others = last.interfaces[i].addresses;
      const auto high = std::ranges::find_if(others, is_shown);
      if (low != one.addresses.end() && high != others.end()) {
        row.text = to_string(low->address) + " … " + to_string(high->address) + " · mtu " +
                   std::to_string(one.mtu);
      }
      add_row(box, std::move(row));
      add_marks(box, one.marks, true);
    }
  }

  std::size_t row_at(const End& end) const {
    const auto found = rows_.find({end.node, end.interface});
    return found == rows_.end() ? nowhere : found->second;
  }

  // One line for all that lead from the same row to the same row.
  void add_line(Line line) {
    for (Line& known : picture_.lines) {
      if (known.kind != line.kind || known.from != line.from || known.to != line.to ||
          known.from_row != line.from_row || known.to_row != line.to_row)
        continue;
      known.count += line.count;
      known.severity = std::max(known.severity, line.severity);
      return;
    }
    picture_.lines.push_back(line);
  }

  void cables() {
    for (const Cable& cable : graph_.cables) {
      Line line{Line::Kind::cable,         box_of_[cable.a.node], box_of_[cable.b.node],
                row_at(cable.a),           row_at(cable.b),       1,
                severity_of(graph_, cable)};
      if (line.from != line.to) add_line(line);
    }
  }

  void mappings() {
    std::map<std::size_t, std::vector<const Mapping*>> by_box;
    for (const Mapping& mapping : graph_.mappings)
      by_box[box_of_[mapping.node]].push_back(&mapping);
    for (auto& [box, all] : by_box) {
      std::ranges::stable_sort(all, std::ranges::greater{},
                               [](const Mapping* one) { return worst(one->marks); });
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == most_rows && all.size() > most_rows + 1) {
          add_row(box, {Row::Kind::more, std::to_string(all.size() - i) + " more mappings", "",
                        false, Severity::none});
        }
        const bool hidden = i >= most_rows && all.size() > most_rows + 1;
        const std::size_t row = picture_.boxes[box].rows.size() - (hidden ? 1 : 0);
        if (!hidden) mapping_row(box, *all[i]);
        for (const MappedPort& port : all[i]->ports) {
          for (const Endpoint& endpoint : port.endpoints) {
            const std::size_t to = box_of_[endpoint.node];
            if (to != box)
              add_line({Line::Kind::mapping, box, to, row, nowhere, 1, Severity::none});
          }
        }
      }
    }
  }

  void mapping_row(std::size_t box, const Mapping& mapping) {
    std::string ports;
    const std::size_t shown = std::min<std::size_t>(mapping.ports.size(), 2);
    for (std::size_t i = 0; i < shown; ++i)
      ports += (i == 0 ? "" : ", ") + mapping.ports[i].external;
    if (shown < mapping.ports.size()) ports += " +" + std::to_string(mapping.ports.size() - shown);
    add_row(box, {Row::Kind::object, mapping.object, ports, false, Severity::none});
    add_marks(box, mapping.marks, true);
  }

  void egresses() {
    for (const Egress& egress : graph_.egresses) {
      std::string to;
      for (const std::string& one : egress.destinations) to += (to.empty() ? "→ " : ", ") + one;
      std::map<std::size_t, std::size_t> clients, nats;  // box, row
      for (const Client& client : egress.clients) {
        const std::size_t box = box_of_[client.node];
        if (!clients.try_emplace(box, picture_.boxes[box].rows.size()).second) continue;
        add_row(box, {Row::Kind::object, "Egress " + egress.name, egress.nat_pods.empty() ? to : "",
                      false, Severity::none});
        add_marks(box, egress.marks, true);
      }
      for (const NatPod& nat : egress.nat_pods) {
        const std::size_t box = box_of_[nat.node];
        if (nats.try_emplace(box, picture_.boxes[box].rows.size()).second)
          add_row(box, {Row::Kind::object, "NAT " + egress.name, to, false, Severity::none});
        for (const auto& [from, row] : clients) {
          if (from != box)
            add_line({Line::Kind::egress, from, box, row, nats[box], 1, severity_of(nat)});
        }
      }
    }
  }

  // How far each box is from where its column begins.
  void layers() {
    const auto spread = [&](Role role, const std::vector<std::size_t>& start) {
      std::vector<std::size_t> distance(groups_.size(), nowhere), queue = start;
      for (const std::size_t box : start) distance[box] = 0;
      for (std::size_t i = 0; i < queue.size(); ++i) {
        for (const Cable& cable : graph_.cables) {
          for (const auto& [a, b] :
               {std::pair{cable.a.node, cable.b.node}, {cable.b.node, cable.a.node}}) {
            const std::size_t next = box_of_[b];
            if (box_of_[a] != queue[i] || distance[next] != nowhere ||
                picture_.boxes[next].role != role)
              continue;
            distance[next] = distance[queue[i]] + 1;
            queue.push_back(next);
          }
        }
      }
      for (std::size_t i = 0; i < groups_.size(); ++i) {
        if (picture_.boxes[i].role == role && distance[i] != nowhere)
          picture_.boxes[i].layer = std::min<std::size_t>(distance[i], 3);
      }
    };
    std::vector<std::size_t> hosts, gates;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (picture_.boxes[i].role == Role::host) hosts.push_back(i);
    }
    for (const std::size_t host : hosts) {
      const bool touches = std::ranges::any_of(graph_.cables, [&](const Cable& cable) {
        const std::size_t a = box_of_[cable.a.node], b = box_of_[cable.b.node];
        return (a == host && picture_.boxes[b].role == Role::outside) ||
               (b == host && picture_.boxes[a].role == Role::outside);
      });
      if (touches) gates.push_back(host);
    }
    if (gates.empty() && !hosts.empty()) gates.push_back(hosts.front());
    spread(Role::host, gates);
    spread(Role::outside, hosts);
  }

  struct Legs {
    std::size_t row = 0;
    std::vector<std::string> names;
  };

  const Graph& graph_;
  std::vector<std::vector<std::size_t>> groups_;
  std::vector<std::size_t> box_of_;
  Picture picture_;
  RowOf rows_;
  // Of the box that is being made, by bridge.
  std::map<std::string, std::size_t> more_;
  std::map<std::string, std::size_t> hidden_;
  std::map<std::pair<std::string, std::size_t>, Legs> legs_;
};

}  // namespace

Picture picture_of(const Graph& graph) { return PictureMaker(graph).make(); }

}  // namespace core::topology
