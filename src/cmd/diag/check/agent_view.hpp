// What a running agent says of itself and its node's clients, as far as checks ask for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/check/judge.hpp"
#include "core/objects.hpp"

namespace cmd {

struct AgentView {
  struct Destination {
    std::string destination, egress, way;
  };
  struct Client {
    core::ObjectName pod;
    std::string netns;
    std::vector<Destination> destinations;
  };
  std::string node;
  bool synced = false;
  std::vector<std::string> troubles, problems;
  std::vector<core::check::EgressState> egresses;
  std::vector<Client> clients;
};

// Nothing where nobody listens (`complaint` is empty then), or the answer makes no sense.
std::optional<AgentView> ask_agent(const std::string& socket, std::string& complaint);
// Of its status; nothing where the text is none.
std::optional<AgentView> parse_agent_view(std::string_view text);

}  // namespace cmd
