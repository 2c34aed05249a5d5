// One fixed step on request, as two commands on UnrealCV's dispatcher
#include "WorldloomStep.h"

#include "CommandDispatcher.h"
#include "Engine/Engine.h"
#include "GameFramework/PlayerController.h"
#include "Misc/App.h"
#include "Misc/CoreDelegates.h"
#include "Modules/ModuleManager.h"
#include "UnrealcvServer.h"

IMPLEMENT_MODULE(FWorldloomStepModule, WorldloomStep)

void FWorldloomStepModule::StartupModule()
{
	BeginHandle = FCoreDelegates::OnBeginFrame.AddRaw(this, &FWorldloomStepModule::BeginFrame);
	TickHandle = FWorldDelegates::OnWorldPostActorTick.AddRaw(this, &FWorldloomStepModule::WorldTicked);
	WorldHandle = FWorldDelegates::OnPostWorldInitialization.AddRaw(this, &FWorldloomStepModule::WorldBegins);
}

void FWorldloomStepModule::ShutdownModule()
{
	FCoreDelegates::OnBeginFrame.Remove(BeginHandle);
	FWorldDelegates::OnWorldPostActorTick.Remove(TickHandle);
	FWorldDelegates::OnPostWorldInitialization.Remove(WorldHandle);
}

void FWorldloomStepModule::BeginFrame()
{
	if (!bBound)
	{
		const TSharedPtr<FCommandDispatcher> Dispatcher = FUnrealcvServer::Get().GetCommandDispatcher();
		if (!Dispatcher.IsValid())
		{
			return;
		}
		Dispatcher->BindCommand(TEXT("vset /worldloom/step [float]"),
			FDispatcherDelegate::CreateRaw(this, &FWorldloomStepModule::Step), TEXT("One step of so many seconds; 0 holds the clock"));
		Dispatcher->BindCommand(TEXT("vget /worldloom/tick"),
			FDispatcherDelegate::CreateRaw(this, &FWorldloomStepModule::Tick), TEXT("Steps taken in this world"));
		bBound = true;
	}
	UWorld* World = GameWorld();
	if (World == nullptr || Phase == EPhase::Free)
	{
		return;
	}
	const APlayerController* Player = World->GetFirstPlayerController();
	if ((Phase == EPhase::Held || Phase == EPhase::Due) && Player != nullptr && !Player->IsPaused())
	{
		Release(); // somebody sent "vset /action/game/resume": the clock is theirs again
	}
	else if (Phase == EPhase::Due)
	{
		Hold(World, false);
		Phase = EPhase::Passing;
	}
}

void FWorldloomStepModule::WorldTicked(UWorld* World, ELevelTick Kind, float DeltaSeconds)
{
	if (Phase != EPhase::Passing || World != GameWorld() || Kind == LEVELTICK_PauseTick || Kind == LEVELTICK_ViewportsOnly)
	{
		return;
	}
	if (FMath::IsNearlyEqual(static_cast<double>(DeltaSeconds), StepSeconds, 1e-6))
	{
		++Steps; // a tick of another length is no step: the recorder sees the count stand still and gives the episode up
	}
	Hold(World, true);
	Phase = EPhase::Held;
}

void FWorldloomStepModule::WorldBegins(UWorld* World, const UWorld::InitializationValues)
{
	if (World != nullptr && World->IsGameWorld())
	{
		Release();
		Steps = 0;
	}
}

FExecStatus FWorldloomStepModule::Step(const TArray<FString>& Args)
{
	if (Args.Num() != 1)
	{
		return FExecStatus::Error(TEXT("Argument Invalid"));
	}
	UWorld* World = GameWorld();
	if (World == nullptr)
	{
		return FExecStatus::Error(TEXT("there is no game to step"));
	}
	if (Phase == EPhase::Due || Phase == EPhase::Passing)
	{
		return FExecStatus::Error(TEXT("a step is due already"));
	}
	const double Seconds = FCString::Atod(*Args[0]);
	if (Seconds > 0.0 && Steps > 0 && StepSeconds > 0.0 && Seconds != StepSeconds)
	{
		return FExecStatus::Error(TEXT("steps of one level are of one length"));
	}
	if (Phase == EPhase::Free)
	{
		Steps = 0;
		bFormerlyFixed = FApp::UseFixedTimeStep();
		FormerSeconds = FApp::GetFixedDeltaTime();
		Hold(World, true);
		if (!World->IsPaused())
		{
			return FExecStatus::Error(TEXT("the game cannot be paused; it needs a player with a player state"));
		}
		Phase = EPhase::Held;
	}
	if (Seconds > 0.0)
	{
		StepSeconds = Seconds;
		FApp::SetUseFixedTimeStep(true); // here, since the next frame's time is measured before that frame's delegates
		FApp::SetFixedDeltaTime(StepSeconds);
		Phase = EPhase::Due;
	}
	return FExecStatus::OK();
}

FExecStatus FWorldloomStepModule::Tick(const TArray<FString>&)
{
	return FExecStatus::OK(FString::Printf(TEXT("%lld"), Steps));
}

void FWorldloomStepModule::Hold(UWorld* World, bool bHeld) const
{
	if (APlayerController* Player = World->GetFirstPlayerController())
	{
		Player->SetPause(bHeld); // the same pause that UnrealCV's own commands set and read
	}
}

void FWorldloomStepModule::Release()
{
	if (Phase != EPhase::Free)
	{
		FApp::SetUseFixedTimeStep(bFormerlyFixed);
		FApp::SetFixedDeltaTime(FormerSeconds);
		Phase = EPhase::Free;
	}
}

UWorld* FWorldloomStepModule::GameWorld()
{
	return FUnrealcvServer::Get().GetGameWorld();
}
