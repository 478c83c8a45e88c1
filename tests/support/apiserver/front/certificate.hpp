// A certificate authority for one run, and the server certificate that it signs. Nothing of it is
// worth keeping: keys live as long as the process.
#pragma once

#include <string>
#include <vector>

namespace support::apiserver {

struct Certificates {
  std::string authority;    // PEM
  std::string certificate;  // PEM, of the server
  std::string key;          // PEM, of the server
};

// `names` are what clients call the server: "IP:127.0.0.1", "DNS:localhost". Throws core::Error.
Certificates make_certificates(const std::vector<std::string>& names);

// For kubeconfig's certificate-authority-data.
std::string to_base64(const std::string& bytes);

}  // namespace support::apiserver
