// What policies of IPsec do with a packet: blocked for sure, or taken inside, which is not
// followed.
#include <string>

#include "core/packet/walk/walk_run.hpp"

namespace core::packet {

// __xfrm_policy_check(): what has no policy passes.
bool Walker::Run::let_in(IpsecPolicy::Direction direction, const std::string& where) {
  if (network().ipsec().empty() || !context_.in) return true;
  const std::string device = context_.in->name;
  if (device == "lo" || sysctl("net/ipv4/conf/" + device + "/disable_policy", 0) != 0) return true;
  const IpsecPolicy* const policy =
      find_policy(network().ipsec(), direction, packet_, context_.in->index, context_.mark);
  if (policy == nullptr) return true;
  if (policy->blocks) {
    drop(Cause::ipsec, where, "an IPsec policy blocks it: " + policy->text);
    return false;
  }
  if (policy->transforms) {
    walker_.assume(place_, where,
                   "the IPsec policy \"" + policy->text +
                       "\" takes only what comes inside IPsec: assumed that this does");
  }
  return true;
}

// xfrm_lookup(), for what is as it leaves, translated.
bool Walker::Run::let_out(const Link& out) {
  if (network().ipsec().empty()) return true;
  if (out.loopback || sysctl("net/ipv4/conf/" + out.device.name + "/disable_xfrm", 0) != 0) {
    return true;
  }
  const IpsecPolicy* const policy = find_policy(network().ipsec(), IpsecPolicy::Direction::out,
                                                packet_, out.device.index, context_.mark);
  if (policy == nullptr) return true;
  if (policy->blocks) {
    drop(Cause::ipsec, out.device.name, "an IPsec policy blocks it: " + policy->text);
    return false;
  }
  if (!policy->transforms) return true;
  const std::string to = policy->remote ? " to " + to_string(*policy->remote) : "";
  walker_.assume(place_, out.device.name,
                 "the IPsec policy \"" + policy->text + "\" takes it" +
                     (policy->has_state ? ", and what becomes of it inside IPsec is not followed"
                                        : ", and there is no security association for it (`ip xfrm "
                                          "state`): nothing leaves until the key exchange of IPsec "
                                          "has made one"));
  Step& step = add(Step::What::leave, out.device.name, "leaves inside IPsec" + to);
  step.link = out.device.index;
  step.mtu = out.mtu;
  way_.end = Way::End::left;
  return false;
}

}  // namespace core::packet
