#include <algorithm>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

const packet::Link* owner_of(const AddressFacts& facts, const Address& address) {
  for (const packet::Link& link : facts.links) {
    for (const packet::LinkAddress& one : link.addresses) {
      if (one.prefix.address == address) return &link;
    }
  }
  return nullptr;
}

Fix delete_address(const Place& place, const packet::LinkAddress& address, const std::string& link,
                   std::string comment) {
  return {place.command("ip address del " + to_string(address.prefix) + " dev " + quoted(link)),
          std::move(comment)};
}

void judge_absent(const AddressFacts& facts, Results& results) {
  std::map<Address, std::string> absent;
  std::set<Address> here;
  for (const MappedPort& port : facts.mapped) {
    if (port.active) {
      here.insert(port.address);
    } else {
      absent.emplace(port.address, port.object);
    }
  }
  for (const auto& [address, object] : absent) {
    results.push_back(
        {code::address_absent,
         State::warn,
         to_string(address) + ", which " + object + " maps, is on no interface of this host" +
             (here.empty() ? ": right for a stand-by edge" : ""),
         {"ip address show to " + to_string(address) + ": nothing"},
         {Fix{"", "if no other edge has it: ip address add " + to_string(address) +
                      (address.family() == Family::ipv4 ? "/32" : "/128") +
                      " dev INTERFACE, or let who moves addresses (keepalived, BGP) do it"}}});
  }
  if (facts.mapped.empty()) {
    results.push_back(skipped(code::address_absent, "nothing is mapped here"));
  } else if (absent.empty()) {
    results.push_back(ok(code::address_absent, "all mapped addresses are on this host"));
  }
}

void judge_downed(const AddressFacts& facts, Results& results) {
  std::set<Address> told;
  bool fine = true;
  for (const MappedPort& port : facts.mapped) {
    const packet::Link* const link = owner_of(facts, port.address);
    if (link == nullptr || link->loopback || (link->up && link->carrier) ||
        !told.insert(port.address).second) {
      continue;
    }
    fine = false;
    Result result{code::address_on_downed_link,
                  State::error,
                  to_string(port.address) + ", which " + port.object + " maps, is on " +
                      link->device.name + ", which is " + (link->up ? "without carrier" : "down"),
                  {link->device.name + ": " + (link->up ? "up, no carrier" : "down")},
                  {},
                  false};
    if (!link->up) {
      result.fixes.push_back(
          {facts.place.command("ip link set dev " + quoted(link->device.name) + " up"),
           "its routes are gone: what configures the network has to add them anew"});
    } else {
      result.fixes.push_back({"", "look at the cable, the switch, or the link's other end"});
    }
    results.push_back(std::move(result));
  }
  if (facts.mapped.empty()) {
    results.push_back(skipped(code::address_on_downed_link, "nothing is mapped here"));
  } else if (fine) {
    results.push_back(ok(code::address_on_downed_link, "interfaces of mapped addresses are up"));
  }
}

void judge_claims(const AddressFacts& facts, Results& results) {
  if (!facts.unasked.empty()) {
    results.push_back(unknown(code::address_claimed, facts.unasked, facts.privileges));
    return;
  }
  for (const AddressFacts::Claim& claim : facts.claims) {
    const auto mapped = std::ranges::find(facts.mapped, claim.address, &MappedPort::address);
    const packet::Link* const owner = owner_of(facts, claim.address);
    Result result{code::address_claimed,
                  State::error,
                  to_string(claim.address) +
                      (mapped != facts.mapped.end() ? ", which " + mapped->object + " maps," : "") +
                      " is another machine's on " + claim.link + ", too: its MAC is " + claim.mac,
                  {to_string(claim.address) + " is at " + claim.mac + " on " + claim.link +
                   (claim.address.family() == Family::ipv4 ? " (ARP)" : " (neighbour discovery)")},
                  {},
                  false};
    result.fixes.push_back(
        {"",
         "find the machine with the MAC " + claim.mac +
             " (the switch's table of MAC addresses says at which port), and delete the address "
             "there; or here, if it is to be there" +
             (owner == nullptr
                  ? std::string()
                  : ": " + facts.place.command("ip address del " + to_string(claim.address) +
                                               " dev " + quoted(owner->device.name)))});
    results.push_back(std::move(result));
  }
  if (facts.claims.empty() && facts.asked > 0) {
    results.push_back(
        ok(code::address_claimed, "nobody else answers for the addresses of this host (" +
                                      std::to_string(facts.asked) + " asked for)"));
  }
}

}  // namespace

Results judge_addresses(const AddressFacts& facts) {
  Results results;
  judge_claims(facts, results);
  judge_absent(facts, results);
  judge_downed(facts, results);
  bool unique = true, once = true;
  std::map<Address, std::vector<std::pair<const packet::Link*, const packet::LinkAddress*>>>
      holders;
  for (const packet::Link& link : facts.links) {
    for (const packet::LinkAddress& one : link.addresses) {
      const auto bytes = one.prefix.address.bytes();
      const bool link_local = one.prefix.family() == Family::ipv6
                                  ? bytes[0] == 0xfe && bytes[1] >> 6 == 2
                                  : bytes[0] == 169 && bytes[1] == 254;
      if (!link_local) holders[one.prefix.address].emplace_back(&link, &one);
      if (!one.duplicate) continue;
      unique = false;
      results.push_back(
          {code::duplicate_address,
           State::error,
           to_string(one.prefix.address) + " on " + link.device.name + facts.place.where() +
               " is another host's, too, so it is not used here",
           {to_string(one.prefix) + " dev " + link.device.name + " dadfailed"},
           {delete_address(
               facts.place, one, link.device.name,
               "or delete it at the other host, and then here as well, and add it anew")}});
    }
  }
  // Of hosts that route to pods by 32 bits, one address for all links is usual.
  for (const auto& [address, where] : holders) {
    if (where.size() < 2) continue;
    const bool subnets = std::ranges::all_of(where, [](const auto& holder) {
      return holder.second->prefix.length < holder.second->prefix.address.size() * 8;
    });
    if (!subnets) continue;
    once = false;
    Result result{code::address_twice,
                  State::warn,
                  to_string(address) + " is on " + std::to_string(where.size()) + " interfaces" +
                      facts.place.where(),
                  {},
                  {},
                  false};
    for (const auto& [link, one] : where) {
      result.evidence.push_back(to_string(one->prefix) + " dev " + link->device.name);
    }
    for (std::size_t i = 1; i < where.size(); ++i) {
      result.fixes.push_back(delete_address(facts.place, *where[i].second,
                                            where[i].first->device.name,
                                            "if it belongs to " + where[0].first->device.name));
    }
    results.push_back(std::move(result));
  }
  if (unique) results.push_back(ok(code::duplicate_address, "no IPv6 address was found elsewhere"));
  if (once) results.push_back(ok(code::address_twice, "no address is on two interfaces"));
  return results;
}

}  // namespace core::check
