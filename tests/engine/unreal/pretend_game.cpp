// Ticks the plugin as Unreal Engine orders a frame; reads commands, prints what they answer and how much time passed
#include "WorldloomStep.h"
#include <iostream>

extern FWorldloomStepModule TheModule;

static void Frame(UWorld& World)
{
	const double Delta = FApp::bFixed ? FApp::Delta : 1.0 / 50.0; // measured before the frame's delegates
	FCoreDelegates::OnBeginFrame.Broadcast();
	if (!World.IsPaused())
	{
		World.Seconds += Delta;
		FWorldDelegates::OnWorldPostActorTick.Broadcast(&World, LEVELTICK_All, static_cast<float>(Delta));
	}
}

int main()
{
	FUnrealcvServer& Server = FUnrealcvServer::Get();
	UWorld& World = Server.World;
	TheModule.StartupModule();
	Frame(World);
	for (std::string Word; std::cin >> Word;)
	{
		auto& Commands = Server.Dispatcher->Commands;
		if (Word == "frame")
		{
			Frame(World);
		}
		else if (Word == "resume")
		{
			World.Player.SetPause(false);
		}
		else if (Word == "unpausable")
		{
			World.Player.bMayPause = false;
		}
		else if (Word == "level")
		{
			World.Player.SetPause(false);
			FWorldDelegates::OnPostWorldInitialization.Broadcast(&World, {});
		}
		else if (Word == "tick")
		{
			std::cout << Commands[1].Call({}).Said << "\n";
		}
		else if (Word == "clock")
		{
			std::cout << World.Seconds << " " << (World.IsPaused() ? "held" : "free") << " " << FApp::bFixed << " " << FApp::Delta << "\n";
		}
		else
		{
			std::cout << Commands[0].Call({FString(Word.c_str())}).Said << "\n";
		}
	}
	TheModule.ShutdownModule();
}
