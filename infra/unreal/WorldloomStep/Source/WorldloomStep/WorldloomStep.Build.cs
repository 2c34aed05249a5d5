// What the plugin's one module is built from: the engine's core and the UnrealCV plugin
using System.IO;
using UnrealBuildTool;

public class WorldloomStep : ModuleRules
{
	public WorldloomStep(ReadOnlyTargetRules Target) : base(Target)
	{
		PCHUsage = PCHUsageMode.UseExplicitOrSharedPCHs;
		PrivateDependencyModuleNames.AddRange(new[] { "Core", "CoreUObject", "Engine", "UnrealCV" });
		PrivateIncludePaths.Add(Path.Combine(GetModuleDirectory("UnrealCV"), "Public", "Server")); // its headers name each other bare
	}
}
