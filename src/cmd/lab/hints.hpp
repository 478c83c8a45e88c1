// Commands that a lab tells people to type: they must find the lab that is meant.
#pragma once

#include <string>
#include <string_view>

namespace cmd {

struct LabHint {
  std::string lab;      // the directory that "{lab}" stands for
  std::string options;  // of every command about that lab; empty: none is needed
};

// "--dir DIR --lab NAME": the directory where it is not the usual one, the name unless empty.
std::string lab_options(const std::string& base, const std::string& name);

// "pona lab get http://…" as it is to be typed.
std::string told(std::string_view command, const LabHint& hint);

}  // namespace cmd
