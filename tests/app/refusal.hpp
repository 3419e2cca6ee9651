#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "src/base/atomic_file.hpp"
#include "src/base/text.hpp"
#include "tests/app/program.hpp"
#include "tests/base/temporary_directory.hpp"

namespace attohm::testing {

/// A folder with an old result in it, which no mistake may touch.
class RefusalBench {
  public:
    RefusalBench() { write_file_atomically(result(), kOld); }
    std::string file(const std::string& name) const { return directory_.file(name); }
    std::string path() const { return directory_.path(); }
    std::string result() const { return directory_.file("result.h5"); }
    std::string write(const std::string& name, const std::string& text) const {
        write_file_atomically(file(name), text);
        return file(name);
    }

    /// Runs the program, which must end with code 2 and one message that holds all the words, print
    /// nothing else, and leave the folder as it was.
    void refuses(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& words) const {
        const std::size_t entries = directory_.entries();
        const ProgramRun run = run_attohm(arguments);
        std::string line;
        for (const std::string& argument : arguments) line += argument + " ";
        INFO("attohm " << line << "\n" << run.err);
        CHECK(run.code == 2);
        CHECK(run.out.empty());
        CHECK(run.err.starts_with("attohm: "));
        CHECK(run.err.find('\n') == run.err.size() - 1);
        for (const std::string& word : words) CHECK_THAT(run.err, Catch::Contains(word));
        CHECK_THAT(run.err, Catch::Contains("; allowed: "));
        CHECK(read_text_file(result()) == kOld);
        CHECK(directory_.entries() == entries);
    }
    /// `attohm run TRACE --force -o RESULT arguments`: what is refused leaves the old result even
    /// so.
    void refuses_run(const std::string& trace, std::vector<std::string> arguments,
                     const std::vector<std::string>& words) const {
        arguments.insert(arguments.begin(), {"run", trace, "--force", "-o", result()});
        refuses(arguments, words);
    }

  private:
    static constexpr const char* kOld = "what an earlier run found";
    TemporaryDirectory directory_;
};

}  // namespace attohm::testing
