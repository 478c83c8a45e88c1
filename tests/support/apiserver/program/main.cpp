// The API server of the tests as a program:
//
//   apiserver [--listen ADDRESS] [--port PORT] [--token TOKEN] [--seed N] [--kubeconfig FILE]
//
// Another seed makes other UIDs: another cluster. Prints its URL once it answers, writes a
// kubeconfig with its own authority and the token of an administrator, and serves until SIGTERM or
// SIGINT.
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "core/error.hpp"
#include "support/apiserver/front/front.hpp"

namespace {

constexpr int usage_status = 2;

struct Arguments {
  support::apiserver::Front::Options front;
  std::string kubeconfig;
};

Arguments parse(int count, char** values) {
  Arguments out;
  for (int i = 1; i < count; i += 2) {
    const std::string option = values[i];
    if (i + 1 == count) {
      throw core::Error(core::Error::Kind::usage, option + " needs a value");
    }
    const std::string value = values[i + 1];
    if (option == "--listen") {
      out.front.host = value;
    } else if (option == "--port") {
      out.front.port = static_cast<std::uint16_t>(std::atoi(value.c_str()));
    } else if (option == "--token") {
      out.front.admin_token = value;
    } else if (option == "--seed") {
      out.front.seed = static_cast<std::uint64_t>(std::atoll(value.c_str()));
    } else if (option == "--kubeconfig") {
      out.kubeconfig = value;
    } else {
      throw core::Error(core::Error::Kind::usage,
                        "no such option: " + option +
                            "; there are --listen, --port, --token, --seed "
                            "and --kubeconfig");
    }
  }
  return out;
}

void write_kubeconfig(const std::string& path, const std::string& text) {
  umask(S_IRWXG | S_IRWXO);  // it holds a token
  std::ofstream file(path);
  file << text;
  if (!file.flush()) {
    throw core::Error(core::Error::Kind::permanent, "cannot write " + path);
  }
}

int serve(const Arguments& arguments) {
  // Before any thread: all of them leave these to sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  support::apiserver::Front front(arguments.front);
  if (!arguments.kubeconfig.empty()) {
    write_kubeconfig(arguments.kubeconfig, front.kubeconfig(arguments.front.admin_token));
  }
  std::jthread waiting([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    front.stop();
  });
  std::printf("%s\n", front.url().c_str());
  std::fflush(stdout);
  front.run();
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return serve(parse(count, values));
  } catch (const core::Error& error) {
    std::fprintf(stderr, "apiserver: %s\n", error.what());
    return error.kind() == core::Error::Kind::usage ? usage_status : 1;
  }
}
