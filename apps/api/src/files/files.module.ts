import { Module } from '@nestjs/common';

import { SessionsModule } from '#libs/sessions';

import { FilesController } from './files.controller.js';
import { TransfersService } from './transfers.service.js';

@Module({
  imports: [SessionsModule],
  controllers: [FilesController],
  providers: [TransfersService],
})
export class FilesModule {}
