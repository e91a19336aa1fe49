// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz entry point without libFuzzer: first the corpus as it is, then seeded mutations of
// it.
//   <test> FILE_OR_FOLDER…      SLUICE_FUZZ_SECONDS (2), SLUICE_TEST_SEED (random)
// The entry point ends the process on a fault; the input is then in the file that the last line
// names.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string g_input;      // what the entry point has now, for the signal handler
std::string g_dump_path;  // where the handler writes it

// Only calls that are allowed in a signal handler.
void DumpInput(int signal) {
  const int file = open(g_dump_path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  bool written = file >= 0 && write(file, g_input.data(), g_input.size()) ==
                                  static_cast<ssize_t>(g_input.size());
  const char* text = written ? "input is in " : "input could not be written to ";
  written = write(2, text, std::strlen(text)) > 0 &&
            write(2, g_dump_path.data(), g_dump_path.size()) > 0 && write(2, "\n", 1) > 0;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Run(std::string input) {
  g_input = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(g_input.data()), g_input.size());
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> ReadCorpus(int count, char** paths) {
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < count; ++i) {
    if (!std::filesystem::is_directory(paths[i])) {
      files.emplace_back(paths[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(paths[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());  // the same seed gives the same inputs on every machine
  std::vector<std::string> corpus{std::string()};
  for (const auto& file : files) corpus.push_back(ReadFile(file));
  return corpus;
}

// Bytes at which encodings tend to change their mind.
char InterestingByte(std::mt19937_64* random) {
  static constexpr unsigned char kBytes[] = {0,    1,   2,   8,    0x10, 0x22,
                                             0x2a, '"', '{', 0x7f, 0x80, 0xff};
  return (*random)() % 2 == 0 ? static_cast<char>(kBytes[(*random)() % sizeof kBytes])
                              : static_cast<char>((*random)());
}

void MutateOnce(std::string* input, const std::vector<std::string>& corpus,
                std::mt19937_64* random) {
  const size_t at = input->empty() ? 0 : (*random)() % input->size();
  const size_t length = 1 + (*random)() % 8;
  switch ((*random)() % 7) {
    case 0:
      if (!input->empty()) (*input)[at] = InterestingByte(random);
      break;
    case 1:
      if (!input->empty()) (*input)[at] = static_cast<char>((*input)[at] ^ (1 << (*random)() % 8));
      break;
    case 2:
      input->insert(at, 1, InterestingByte(random));
      break;
    case 3:
      input->erase(at, length);
      break;
    case 4:
      input->insert(at, input->substr(at, length));
      break;
    case 5:
      input->resize(at);
      break;
    case 6: {
      const std::string& other = corpus[(*random)() % corpus.size()];
      if (!other.empty()) input->insert(at, other.substr((*random)() % other.size(), length * 4));
      break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* given_seed = std::getenv("SLUICE_TEST_SEED");
  const uint64_t seed =
      given_seed != nullptr ? std::strtoull(given_seed, nullptr, 10) : std::random_device()();
  const char* given_seconds = std::getenv("SLUICE_FUZZ_SECONDS");
  const double seconds = given_seconds != nullptr ? std::strtod(given_seconds, nullptr) : 2;

  const std::vector<std::string> corpus = ReadCorpus(argc - 1, argv + 1);
  if (corpus.size() < 2) {
    std::fprintf(stderr, "%s: no corpus: name files or folders that hold some\n", argv[0]);
    return 2;
  }
  g_dump_path = std::string(argv[0]) + ".failed_input";
  std::signal(SIGABRT, DumpInput);
  std::printf("SLUICE_TEST_SEED=%llu, %zu inputs\n", static_cast<unsigned long long>(seed),
              corpus.size());
  std::fflush(stdout);

  for (const std::string& input : corpus) Run(input);
  std::mt19937_64 random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  uint64_t runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    std::string input = corpus[random() % corpus.size()];
    for (size_t left = 1 + random() % 4; left > 0; --left) MutateOnce(&input, corpus, &random);
    Run(std::move(input));
    ++runs;
  }
  std::printf("%llu mutations\n", static_cast<unsigned long long>(runs));
  return 0;
}
