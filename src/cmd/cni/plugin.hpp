// The CNI plugin as a function of its environment and standard input, as the specification has it
// (https://www.cni.dev/docs/spec/, 0.3.0 to 1.1.0). It works behind other plugins, whose result it
// passes on. It decides nothing about egress: it records the sandbox, and asks the agent unless the
// runtime told that the pod wants none.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace cmd {

struct CniEffects {
  // Of the network namespace at the path. Throws core::Error where there is none.
  std::function<std::string(const std::string& path)> netns_cookie;
  // Sends the agent a line and returns the line it answers. Throws core::Error where none comes in
  // that time.
  std::function<std::string(const std::string& socket, const std::string& line,
                            std::chrono::milliseconds timeout)>
      ask;
};

struct CniReply {
  std::string output;  // for standard output
  std::string note;    // for standard error: what went wrong without being an error
  int status = 0;
};

using Environment = std::map<std::string, std::string, std::less<>>;

// Reads and writes the sandbox directory of the netconf, too. Throws nothing.
CniReply answer_cni(const Environment& environment, std::string_view input,
                    const CniEffects& effects);

}  // namespace cmd
