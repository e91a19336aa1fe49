// SPDX-License-Identifier: Apache-2.0
//
// One zstd frame a height, stating its content's size. Threading: a Compressor belongs to one
// thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sluice_file {

class Compressor {
 public:
  Compressor();
  ~Compressor();
  // Sets *out to the compressed bytes; false where that is not possible (no memory) or brings
  // nothing.
  bool Compress(std::string_view bytes, std::string* out);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// Sets *out to the content. What is wrong, or nothing.
std::string Uncompress(std::string_view bytes, std::string* out);

}  // namespace sluice_file
