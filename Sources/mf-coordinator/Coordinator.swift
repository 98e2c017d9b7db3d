import ArgumentParser
import CommandSupport

@main
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mf-coordinator")

    static func main() async { await runCommand(CoordinatorCommand.self) }
}
