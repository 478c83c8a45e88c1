#include "cmd/diag/bundle/bundle.hpp"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "cmd/diag/bundle/bundle_parts.hpp"
#include "cmd/diag/progress.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/packet/record/redaction.hpp"
#include "core/printable.hpp"
#include "os/random.hpp"
#include "os/write_file.hpp"

namespace cmd {
namespace {

constexpr std::size_t most_left_out_shown = 8;

// With a key that nobody learns, and that ends with this process.
core::packet::Redaction::Hash keyed_hash() {
  std::array<std::uint64_t, 4> key{};
  for (std::uint64_t& part : key) part = os::unguessable();
  return [key](std::string_view text) {
    core::packet::Redaction::Digest digest{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), sizeof key,
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
             &size) == nullptr) {
      throw core::Error(core::Error::Kind::permanent, "cannot compute SHA-256");
    }
    return digest;
  };
}

std::string name_of_host() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// "pona-node-1-20240501-120000.tar.gz"; whatever a host is called is one word.
std::string usual_name(const std::string& host, std::time_t now) {
  std::tm time{};
  gmtime_r(&now, &time);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &time);
  std::string word = host.empty() ? "host" : host;
  for (char& c : word) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '.') c = '-';
  }
  return "pona-" + word + '-' + text.data() + ".tar.gz";
}

void say(const std::string& text) { print_line(std::cerr, text); }

std::string kibibytes(std::size_t size) { return std::to_string((size + 1023) / 1024) + " KiB"; }

// In it, not in it, and how to look at it.
void report(const BundleContent& content, const std::string& path, std::size_t size) {
  const std::string file = path == "-" ? "FILE" : path;
  say((path == "-" ? "the bundle" : path) + " has " + kibibytes(size) + ", " +
      std::to_string(content.files().size() + 1) + " files:");
  std::size_t spaces = 0;
  for (const BundleFile& one : content.files()) {
    if (one.name.starts_with("netns/")) {
      ++spaces;
      continue;
    }
    say("  " + one.name + std::string(one.name.size() < 24 ? 24 - one.name.size() : 1, ' ') +
        one.what);
  }
  say("  netns/                  links, routes, rules, nftables, sockets, connections of " +
      std::to_string(spaces / 2) + " network namespaces");
  if (!content.left_out().empty()) say("left out:");
  std::size_t shown = 0;
  for (const auto& [what, why] : content.left_out()) {
    if (++shown > most_left_out_shown) {
      say("  and " + std::to_string(content.left_out().size() - most_left_out_shown) +
          " more, which manifest.json names");
      break;
    }
    say("  " + what + ": " + why);
  }
  say("never in it: Secrets, tokens, kubeconfigs, environments of processes");
  if (!content.options().redact) {
    say("names and addresses are in it as they are: --redact replaces them");
  }
  say("to look at it:");
  say("  tar -tzvf " + file);
  say("  pona diag trace --bundle " + file + " [SOURCE to] ADDRESS:PORT");
}

// What was what, beside the bundle.
void write_key(const std::string& path, const core::packet::Redaction& redaction) {
  std::string text;
  for (const std::string& line : redaction.key()) text += core::printable(line) + '\n';
  os::write_file(path, text, 0600);
  say(path + " says what was what: keep it, and send it to nobody");
}

}  // namespace

CLI::App* add_bundle(CLI::App& app, BundleOptions& options) {
  CLI::App* const command =
      app.add_subcommand("bundle", "Collect all that support asks for, as one file");
  command->footer(
      "A compressed tar archive of network namespaces (links, routes, rules, nftables,\n"
      "sockets, connections), the daemons' status, checks, topology, and what the\n"
      "kernel can do, with checksums. Never in it: Secrets, tokens, kubeconfigs,\n"
      "environments of processes. What cannot be read is left out, and told. It needs\n"
      "root, and changes nothing. pona diag trace --bundle FILE asks it offline.\n\n"
      "With --redact traces still work: prefixes stay prefixes. What was what is\n"
      "written to FILE.names, which is for you alone.\n\n"
      "Examples:\n"
      "  pona diag bundle\n"
      "  pona diag bundle --redact -o node-1.tar.gz\n"
      "  pona diag bundle -o - | ssh support@example.com 'cat >node-1.tar.gz'\n"
      "  pona diag trace --bundle node-1.tar.gz 192.0.2.77 to 203.0.113.5:443");
  command
      ->add_option("-o,--output", options.output,
                   "File to write, which must not be there yet; -: standard output")
      ->type_name("FILE");
  command
      ->add_option("--from-netns", options.netns,
                   "Network namespace that traces begin in by default (default: this one)")
      ->type_name("PATH");
  command->add_flag("--redact", options.redact,
                    "Other addresses and names in place of yours, the same for the same");
  command->add_option("--kubeconfig", options.kubeconfig, "How to reach the API server")
      ->type_name("FILE");
  command->add_option("--context", options.context, "Of the kubeconfig")->type_name("NAME");
  add_daemon_places(*command, options);
  return command;
}

int bundle(const BundleOptions& options) {
  const std::time_t now = std::time(nullptr);
  const std::string host = name_of_host();
  const std::string path =
      options.output.empty() ? usual_name(options.redact ? "redacted" : host, now) : options.output;
  std::error_code error;
  if (path != "-" && std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    throw core::Error(core::Error::Kind::usage,
                      path + " is there already: remove it, or name another file with -o");
  }
  if (path == "-" && isatty(STDOUT_FILENO) == 1) {
    throw core::Error(core::Error::Kind::usage,
                      "a bundle is nothing for a terminal: say -o FILE, or pipe it to a program");
  }
  ArchiveWriter archive(now);
  core::packet::Redaction redaction(keyed_hash());
  BundleContent content(archive, options, options.redact ? &redaction : nullptr);
  {
    Progress progress;
    for (const BundlePart& part : bundle_parts()) {
      progress.say(part.what);
      try {
        part.collect(content);
      } catch (const core::Error& failure) {
        content.leave_out(part.what, failure.what());
      }
    }
  }
  const std::string manifest =
      bundle_manifest(content, options.redact ? "a redacted host" : host, rfc3339(now));
  archive.add(manifest_file, manifest);
  const std::string bytes = std::move(archive).finish();
  if (path == "-") {
    std::cout.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    std::cout.flush();
    if (!std::cout) {
      throw core::Error(core::Error::Kind::permanent, "cannot write to standard output");
    }
  } else {
    os::write_file(path, bytes, 0600);
    if (options.redact) write_key(path + ".names", redaction);
  }
  report(content, path, bytes.size());
  return 0;
}

}  // namespace cmd
