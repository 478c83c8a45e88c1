#include "model/trial.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <string>

#include "model/prediction.hpp"
#include "model/random_packet.hpp"
#include "model/random_raw.hpp"
#include "model/random_rules.hpp"
#include "net/packet/live_ruleset.hpp"

namespace model {

using namespace core::packet;

namespace {

constexpr std::size_t packets_of_ruleset = 8;
constexpr std::size_t most_ways = 64;

void spoil(Prediction& way, const Packet& sent, Sabotage sabotage) {
  switch (sabotage) {
    case Sabotage::none:
      break;
    case Sabotage::rule:
      if (!way.met.empty()) way.met.pop_back();
      break;
    case Sabotage::verdict:
      way.dropped = false;
      break;
    case Sabotage::mark:
      way.mark ^= 1;
      break;
    case Sabotage::address:
      way.packet.destination = sent.destination;
      break;
    case Sabotage::port:
      ++way.packet.destination_port;
      break;
    case Sabotage::time_to_live:
      way.packet.ttl = sent.ttl;
      break;
  }
}

class Trial {
 public:
  Trial(const Lab& lab, Observer& observer, Tally& tally, std::uint64_t seed, bool show,
        Sabotage sabotage)
      : lab_(lab),
        observer_(observer),
        tally_(tally),
        seed_(seed),
        show_(show),
        sabotage_(sabotage),
        chance_(seed) {}

  // In the host.
  void run() {
    if (!load()) {
      ++tally_.refused;
      if (show_) std::printf("# refused:\n%s\n", rules_.c_str());
      return;
    }
    ++tally_.rulesets;
    if (show_) std::printf("%s\n", rules_.c_str());
    // Of the process: flows of one seed must not be those of another.
    static std::uint32_t number = 0;
    for (std::size_t i = 0; i < packets_of_ruleset; ++i) {
      const bool from_host = chance_.per_mille(250);
      try_flow(random_packet(chance_, ++number, from_host),
               from_host ? Origin::host : Origin::client);
    }
  }

 private:
  bool load() {
    // All of it is taken, or nothing.
    const std::string quiet = show_ ? "" : " 2>/dev/null";
    shell("nft flush ruleset");
    bool taken = false;
    switch (chance_.below(4)) {
      case 0:
        rules_ = "expressions of no program's";
        taken = load_random_raw(chance_) == 0;
        break;
      case 1:
      case 2:
        rules_ = random_nft(chance_);
        taken = shell("nft -f -" + quiet, rules_) == 0;
        break;
      default: {
        const bool ipv4 = chance_.per_mille(600);
        rules_ = random_iptables(chance_, ipv4);
        taken =
            shell((ipv4 ? "iptables-nft-restore" : "ip6tables-nft-restore") + quiet, rules_) == 0;
      }
    }
    return taken && shell("nft -f -", Observer::arming_rules()) == 0;
  }

  // A connection's first packet, and if that came to the server, others of both directions.
  void try_flow(const Packet& packet, Origin origin) {
    forget_connections();
    const auto first = try_packet(packet, origin, std::nullopt);
    if (!first || !first->connection || is_host(first->packet.destination)) return;
    Earlier earlier{*first->connection, false, false};
    if (chance_.per_mille(300)) {
      const auto again = try_packet(packet, origin, earlier);
      if (!again || !again->connection) return;
      earlier.connection = *again->connection;
    }
    earlier.reply = earlier.answered = true;
    const auto reply = try_packet(reply_to(first->packet), Origin::server, earlier);
    // The host's own stack may have refused what it had not asked for.
    if (!reply || !reply->connection || origin == Origin::host || packet.protocol == tcp) return;
    earlier.connection = *reply->connection;
    earlier.reply = false;
    try_packet(packet, origin, earlier);
  }

  static bool is_host(const core::Address& address) {
    return std::ranges::find(host_addresses, to_string(address)) != host_addresses.end();
  }

  // Answers what it was, where it came through and the model knew.
  std::optional<Prediction> try_packet(const Packet& packet, Origin origin,
                                       const std::optional<Earlier>& earlier) {
    ++tally_.packets;
    net::LiveRuleset live;
    observer_.forget();
    std::vector<Prediction> ways = all_ways(live, packet, origin, earlier);
    for (Prediction& way : ways) spoil(way, packet, sabotage_);
    lab_.send(origin, packet);
    const Observation seen = observer_.collect([&](const Observation& so_far) {
      return std::ranges::any_of(
          ways, [&](const Prediction& way) { return compare(way, so_far).empty(); });
    });
    tally_.met += seen.met.size();
    for (const Taken& taken : ways.front().taken) {
      if (taken.fork.kind != Fork::Kind::assumption) continue;
      ++tally_.assumed;
      if (show_) std::printf("# assumed: %s\n", taken.fork.what.c_str());
      break;
    }
    std::string difference;
    for (Prediction& way : ways) {
      difference = compare(way, seen);
      if (!difference.empty()) continue;
      if (way.dropped) return std::nullopt;
      return std::move(way);
    }
    tell(packet, origin, ways, seen, difference);
    return std::nullopt;
  }

  std::vector<Prediction> all_ways(Ruleset& live, const Packet& packet, Origin origin,
                                   const std::optional<Earlier>& earlier) {
    std::vector<Prediction> ways;
    std::vector<std::vector<std::size_t>> scripts{{}};
    std::set<std::vector<std::size_t>> known{{}};
    while (!scripts.empty() && ways.size() < most_ways) {
      const auto script = scripts.back();
      scripts.pop_back();
      ways.push_back(predict(lab_, live, packet, origin, earlier, script));
      // Each fork behind the script may go otherwise.
      std::vector<std::size_t> taken = script;
      const auto& forks = ways.back().taken;
      for (std::size_t i = script.size(); i < forks.size(); ++i) {
        for (std::size_t option = 1; option < forks[i].fork.options && option < 8; ++option) {
          auto other = taken;
          other.push_back(option);
          if (known.insert(other).second) scripts.push_back(std::move(other));
        }
        taken.push_back(0);
      }
    }
    return ways;
  }

  static std::size_t checksum_at(std::uint8_t protocol) {
    return protocol == tcp ? 16 : protocol == udp ? 6 : 2;
  }

  static std::string compare(const Prediction& way, const Observation& seen) {
    for (std::size_t i = 0; i < std::max(way.met.size(), seen.met.size()); ++i) {
      const std::string model = i < way.met.size() ? to_text(way.met[i]) : "nothing more";
      const std::string kernel = i < seen.met.size() ? to_text(seen.met[i]) : "nothing more";
      if (model != kernel) return "model: " + model + "; kernel: " + kernel;
    }
    if (way.dropped != !seen.ended)
      return way.dropped ? "it came through" : "it did not come through";
    if (way.dropped) return "";
    if (way.mark != seen.ended->mark) {
      return "mark " + std::to_string(way.mark) + ", in the kernel " +
             std::to_string(seen.ended->mark);
    }
    const Bytes bytes = to_bytes(way.packet);
    const std::size_t header = network_header_size(way.packet);
    const Bytes& network = seen.ended->network;
    if (network.size() < 20 || seen.ended->transport.size() < 4) return "headers were not told";
    const bool ipv4 = way.packet.family == core::Family::ipv4;
    for (std::size_t i = 0; i < std::min(header, network.size()); ++i) {
      const bool checksum = ipv4 && (i == 10 || i == 11);
      if (!checksum && bytes[i] != network[i]) {
        return "byte " + std::to_string(i) + " of the network header: " + std::to_string(bytes[i]) +
               ", in the kernel " + std::to_string(network[i]);
      }
    }
    const Bytes& transport = seen.ended->transport;
    for (std::size_t i = 0; i < std::min(transport.size(), bytes.size() - header); ++i) {
      const std::size_t checksum = checksum_at(way.packet.protocol);
      if (i / 2 != checksum / 2 && bytes[header + i] != transport[i]) {
        return "byte " + std::to_string(i) +
               " of the transport header: " + std::to_string(bytes[header + i]) +
               ", in the kernel " + std::to_string(transport[i]);
      }
    }
    return "";
  }

  void tell(const Packet& packet, Origin origin, const std::vector<Prediction>& ways,
            const Observation& seen, const std::string& difference) {
    ++tally_.different;
    if (sabotage_ != Sabotage::none) return;
    std::printf("# seed %llu: %s\n# packet %s %s, %s\n", static_cast<unsigned long long>(seed_),
                difference.c_str(), protocol_text(packet.protocol).c_str(), to_text(packet).c_str(),

                origin == Origin::client ? "from the client"
                : origin == Origin::host ? "of the host"
                                         : "from the server");
    for (const Met& met : ways.front().met) std::printf("#   model  %s\n", to_text(met).c_str());
    for (const Met& met : seen.met) std::printf("#   kernel %s\n", to_text(met).c_str());
    std::printf("# again: model --seed %llu --show\n", static_cast<unsigned long long>(seed_));
    std::fflush(stdout);
    if (!show_) return;
    shell("nft --debug=netlink -a list ruleset");
  }

  const Lab& lab_;
  Observer& observer_;
  Tally& tally_;
  std::uint64_t seed_;
  bool show_;
  Sabotage sabotage_;
  sim::Chance chance_;
  std::string rules_{};
};

}  // namespace

void try_seed(const Lab& lab, Observer& observer, Tally& tally, std::uint64_t seed, bool show,
              Sabotage sabotage) {
  Trial(lab, observer, tally, seed, show, sabotage).run();
}

}  // namespace model
