#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "cmd/diag/check/survey.hpp"
#include "core/error.hpp"
#include "net/who_has.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;

// Of a host with more, the mapped ones and the first of the others.
constexpr std::size_t most_asked = 64;

std::optional<net::Mac> mac_of(const packet::Link& link) {
  net::Mac mac{};
  if (link.mac.size() != mac.size()) return std::nullopt;
  std::ranges::copy(link.mac, mac.begin());
  return mac;
}

std::string mac_text(const net::Mac& mac) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                mac[3], mac[4], mac[5]);
  return text.data();
}

// Each address of this host on the links whose subnet it is in; also what is on lo and answered for
// elsewhere.
std::vector<net::AddressOnLink> questions(const std::vector<packet::Link>& links,
                                          const std::set<core::Address>& mapped) {
  std::vector<net::AddressOnLink> first, others;
  for (const packet::Link& holder : links) {
    for (const packet::LinkAddress& held : holder.addresses) {
      const core::Address& address = held.prefix.address;
      for (const packet::Link& link : links) {
        const auto mac = mac_of(link);
        // A member of a bridge or bond says nothing by itself.
        if (!mac || link.loopback || !link.up || !link.carrier || link.master != 0) continue;
        const bool here =
            (link.device.index == holder.device.index && !held.tentative) ||
            std::ranges::any_of(link.addresses, [&](const packet::LinkAddress& one) {
              return one.prefix.family() == address.family() && one.prefix.contains(address);
            });
        if (!here) continue;
        (mapped.contains(address) ? first : others).push_back({link.device.index, *mac, address});
      }
    }
  }
  first.insert(first.end(), others.begin(), others.end());
  if (first.size() > most_asked) first.resize(most_asked);
  return first;
}

}  // namespace

core::check::AddressFacts gather_addresses(Survey& survey) {
  core::check::AddressFacts facts;
  facts.place = survey.place;
  facts.links = survey.network().links();
  facts.mapped = survey.mapped();
  using core::check::Role;
  // What a pod is told by its link is the CNI's business.
  if (survey.role != Role::edge && survey.role != Role::pre) return facts;
  std::set<core::Address> mapped;
  for (const core::check::MappedPort& port : facts.mapped) mapped.insert(port.address);
  const auto asked = questions(facts.links, mapped);
  std::vector<net::Mac> own;
  for (const packet::Link& link : facts.links) {
    if (const auto mac = mac_of(link)) own.push_back(*mac);
  }
  try {
    std::vector<net::AddressOnLink> found;
    survey.inside([&] { found = net::who_else_has(asked, own); });
    for (const net::AddressOnLink& one : found) {
      const packet::Link* const link = survey.network().link(one.link);
      facts.claims.push_back(
          {one.address, link != nullptr ? link->device.name : "?", mac_text(one.mac)});
    }
    facts.asked = asked.size();
  } catch (const core::Error& error) {
    facts.unasked =
        "whether others have addresses of this host was not asked: " + std::string(error.what());
    facts.privileges = !survey.root;
  }
  return facts;
}

}  // namespace cmd
