import ArgumentParser
import CommandSupport

@main
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mf-worker")

    static func main() async { await runCommand(WorkerCommand.self) }
}
